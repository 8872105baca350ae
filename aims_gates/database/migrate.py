"""Our tables, made and changed by alembic beside MLflow's own migrations, with a version table of our own."""

from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, inspect, text

from aims_gates.errors import LedgerError

__all__ = ["HEAD", "TABLE", "current", "migrate", "revisions"]

#: Where alembic keeps which of our migrations this database has; MLflow's is ``alembic_version``.
TABLE = "aims_alembic_version"
#: The latest migration in versions/.
HEAD = "0005"


def current(connection: Connection) -> str | None:
    """Which of our migrations the database has; ``0000`` for tables of before there were migrations, None for none."""
    inspector = inspect(connection)
    if not inspector.has_table(TABLE):
        return "0000" if inspector.has_table("aims_head") else None
    return connection.execute(text(f"SELECT version_num FROM {TABLE}")).scalar()


def migrate(connection: Connection) -> None:
    """Bring our tables to :data:`HEAD`, inside the caller's transaction.

    Raises:
        LedgerError: a later version of aims-gates made them.
    """
    revision = current(connection)
    if revision == HEAD:
        return
    if revision is not None and revision > HEAD:
        message = f"its tables are those of a later version of aims-gates ({revision}; this one knows {HEAD})"
        raise LedgerError(message, where=TABLE, remedy="Upgrade aims-gates: pip install -U aims-gates")
    from alembic.runtime.environment import EnvironmentContext

    config, script = _script()
    with EnvironmentContext(config, script, fn=lambda rev, _: script._upgrade_revs("head", rev)) as environment:
        environment.configure(connection=connection, version_table=TABLE)
        environment.run_migrations()


@cache
def _script() -> tuple[Any, Any]:
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    return config, ScriptDirectory.from_config(config)


def revisions() -> list[str]:
    """Every migration there is, the latest first."""
    return [walk_revision.revision for walk_revision in _script()[1].walk_revisions()]

"""``aims-gates server``: MLflow's server with the gated registry, its authentication kept."""

import os
import secrets
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click

from aims_gates.cli.options import settings_options
from aims_gates.documents.files import write_new
from aims_gates.documents.shell import quoted
from aims_gates.errors import InputError
from aims_gates.mlflow_plugin.internals.environment import BOOTSTRAPPED
from aims_gates.mlflow_plugin.internals.public_url import PUBLIC_URL, known_to_mlflow, public_url
from aims_gates.settings import Settings, database_uri

__all__ = ["OPTIONAL", "command"]

#: What --serve takes; the server's own list is in aims_gates/mlflow_plugin/server/routes.yaml.
OPTIONAL = ("gateway", "mcp", "genai", "demo", "signup", "metrics")
_FOLDER = click.Path(path_type=Path, file_okay=False)
_FILE = click.Path(path_type=Path, dir_okay=False)
_SECRET = "MLFLOW_FLASK_SERVER_SECRET_KEY"
_PASSWORD = "MLFLOW_AUTH_ADMIN_PASSWORD"
_ADMIN = "MLFLOW_AUTH_ADMIN_USERNAME"
_LOUD = "aims-gates: nobody signs in: everybody is the same unknown person, and approvals count for nobody"


@dataclass(frozen=True)
class _Start:
    """What is started: a command line, and its environment beyond this process's."""

    line: tuple[str, ...]
    environment: dict[str, str]
    folder: Path

    @property
    def config(self) -> Path:
        """MLflow's authentication settings."""
        return Path(self.environment["MLFLOW_AUTH_CONFIG_PATH"])

    @property
    def settings(self) -> tuple[str, ...]:
        """What stands in them where nobody made them."""
        return ("[mlflow]", "default_permission = READ", f"database_uri = sqlite:///{self.folder / 'aims-users.db'}")

    @property
    def password(self) -> Path:
        """Where a password of the administrator is kept that was made up."""
        return self.folder / "aims-admin-password"


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=5000, show_default=True, help="Port to listen on.")
@click.option("--workers", default=2, show_default=True, help="How many processes serve.")
@click.option("--backend", help="Database of runs. Default: tracking in aims.yaml, else sqlite:///mlflow.db.")
@click.option("--artifacts", type=_FOLDER, help="Folder of artifacts. Default: as in aims.yaml, else artifacts.")
@click.option("--auth", default="basic", show_default=True, help="Sign-in: basic, oidc, proxy (with commas), or none.")
@click.option("--no-auth", is_flag=True, help="The same as --auth none.")
@click.option("--oidc", type=_FILE, help="File with the issuers whose tokens are accepted; implies --auth oidc.")
@click.option("--trusted-proxy", "proxies", multiple=True, help="Address of a proxy that names users, and forwards.")
@click.option("--proxy-header", help="The header in which it names them. Default: X-Forwarded-User.")
@click.option("--forwarding-proxy", "forwarders", multiple=True, help="Address of a proxy that names no users.")
@click.option("--public-url", "public", metavar="URL", help="Where browsers find it: https://NAME.")
@click.option("--serve", "parts", multiple=True, metavar="NAME", help=f"Also serve: {', '.join(OPTIONAL)}. Repeatable.")
@click.option("--auth-config", type=_FILE, help="MLflow's authentication settings. Default: made beside the registry.")
@click.option("--server-key", type=_FILE, help="The server's own key, which attests what signed-in users say.")
@click.option("--checkpoints", type=_FOLDER, help="Folder for signed checkpoints; the ledger must hold against them.")
@click.option("--checkpoint-minutes", type=click.IntRange(1), help="How often one is written. Default: 60.")
@click.option("--dry-run", is_flag=True, help="Print the shell commands that start it, and start nothing.")
@click.argument("more", nargs=-1)
@settings_options
def command(
    host: str, port: int, workers: int, backend: str | None, artifacts: Path | None, auth: str, no_auth: bool,
    oidc: Path | None, proxies: tuple[str, ...], proxy_header: str | None, forwarders: tuple[str, ...],
    public: str | None, parts: tuple[str, ...], auth_config: Path | None,
    server_key: Path | None, checkpoints: Path | None, checkpoint_minutes: int | None, dry_run: bool,
    more: tuple[str, ...], settings: Settings,
) -> None:  # fmt: skip
    """Serve MLflow with the gated registry; MORE goes to `mlflow server` as it is (after --).

    On the first start an administrator is made: MLFLOW_AUTH_ADMIN_USERNAME (else admin) with
    MLFLOW_AUTH_ADMIN_PASSWORD (else one that is made up and kept in a file). Everybody signs in as on any MLflow
    server (MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN) and needs no aims-gates to
    be refused. docs/server-setup.md says how to run the same with `mlflow server --app-name aims-gates`.

    Behind a reverse proxy, name its address: with --forwarding-proxy its X-Forwarded-For says whose requests it sends;
    with --trusted-proxy it also says who they are, so that it must take the header that names users out of what clients
    send. Both are repeatable. Name with --public-url the address that people type into their browsers, or MLflow's own
    pages are refused as another site's.

    \b
    Limits are environment variables (docs/server-setup.md lists what has others, and why):
      AIMS_GATES_MAX_BODY              bytes of a request's body, unpacked (1048576)
      AIMS_GATES_MAX_ARTIFACT          bytes of an artifact in one upload (17179869184)
      AIMS_GATES_BODY_SECONDS          how long a body may keep the server waiting (20)
      AIMS_GATES_REQUEST_SECONDS       how long a request may work (60)
      AIMS_GATES_LONG_REQUEST_SECONDS  the same where a model's files are hashed (3600)

    Served is what experiments, runs, models, traces and the registry need. Other parts of MLflow answer 404 until
    --serve names them; its assistant, skills, jobs and sandbox always do.
    """
    registry = settings.registry or f"aims+sqlite:///{Path('registry.db').resolve()}"
    ways = _ways("none" if no_auth else auth, oidc, proxies)
    environment = _environment(ways, registry, auth_config) | _known_as(public)
    environment |= _named(
        OIDC=oidc and oidc.resolve(),
        KEY=server_key and server_key.resolve(),
        TRUSTED_PROXIES=",".join(proxies),
        PROXY_HEADER=proxy_header,
        FORWARDING_PROXIES=",".join(forwarders),
        SERVE=_parts(parts),
        CHECKPOINTS=checkpoints and checkpoints.resolve(),
        CHECKPOINT_MINUTES=checkpoint_minutes,
    )
    line = [
        *(sys.executable, "-m", "mlflow", "server", "--app-name", "aims-gates", "--host", host, "--port", str(port)),
        *("--workers", str(workers), "--registry-store-uri", registry, "--backend-store-uri", _runs(backend, settings)),
        *("--artifacts-destination", str((artifacts or settings.artifacts or Path("artifacts")).resolve())),
        *more,
    ]
    start = _Start(tuple(line), environment, _folder(registry))
    if dry_run:
        _show(start)
        return
    _prepare(start, registry, ways)
    _announce(environment.get(PUBLIC_URL) or f"http://{host}:{port}", registry, ways)
    _become(start)


def _announce(address: str, registry: str, ways: str) -> None:
    click.echo(f"aims-gates: {address}, registry {_shown(registry)}, sign-in by {ways}", err=True)
    if ways == "none":
        click.secho(_LOUD, fg="red", err=True)


def _show(start: _Start) -> None:
    """Print what starts the same in a POSIX shell, from any folder and on the first start too; no secret is in it."""
    click.echo(f"cd {quoted(Path.cwd())}")
    for name, value in sorted(start.environment.items()):
        if name != _SECRET:
            click.echo(f"export {name}={quoted(value)}")
    for line in _first_start(start) if _SECRET in start.environment else ():
        click.echo(line)
    click.echo(quoted(*start.line))


def _first_start(start: _Start) -> Iterator[str]:
    """In shell, what :func:`_users` does, and a secret of this start: what is there, or set in the shell, stays."""
    made_up = quoted(sys.executable, "-c", "import secrets; print(secrets.token_urlsafe(32))")
    config, place = quoted(start.config), quoted(start.password)
    folder, write = quoted(start.config.parent), quoted("printf", "%s\\n", *start.settings)
    yield f"test -e {config} || {{ mkdir -p {folder} && {write} > {config}; }}"
    yield f'export {_SECRET}="${{{_SECRET}:-$({made_up})}}"'
    yield f'test -n "${{{_PASSWORD}:-}}" || test -e {place} || (umask 077 && {made_up} > {place})'
    yield f'export {_PASSWORD}="${{{_PASSWORD}:-$(cat {place})}}"'


def _become(start: _Start) -> None:
    """Replace this process by the server's; the administrator exists, and workers need not know its password."""
    inherited = {name: value for name, value in os.environ.items() if name != _PASSWORD}
    os.execve(sys.executable, start.line, {**inherited, **start.environment, BOOTSTRAPPED: "true"})


def _ways(auth: str, oidc: Path | None, proxies: tuple[str, ...]) -> str:
    parts = [part.strip() for part in auth.split(",")]
    more = [name for name, there in (("oidc", oidc), ("proxy", proxies)) if there and name not in parts]
    if parts == ["none"] and more:
        raise InputError(f"none and {', '.join(more)} exclude each other", where="--auth", remedy="Leave one out.")
    return ",".join([*parts, *more])


def _named(**options: object) -> dict[str, str]:
    """The options that were given, as the workers read them: ``AIMS_GATES_`` before each name."""
    return {f"AIMS_GATES_{name}": str(value) for name, value in options.items() if value}


def _known_as(address: str | None) -> dict[str, str]:
    """The public address, for our part of the server and for MLflow's."""
    public = public_url(address, where="--public-url" if address is not None else PUBLIC_URL)
    return {} if public is None else {PUBLIC_URL: public.origin, **known_to_mlflow(public, os.environ)}


def _parts(parts: tuple[str, ...]) -> str:
    """The optional parts to serve, for the workers; each of them is one that there is."""
    if not parts:
        return ""
    from aims_gates.mlflow_plugin.server.configuration import named

    return ",".join(sorted(named(",".join(parts), where="--serve")))


def _runs(backend: str | None, settings: Settings) -> str:
    """The database of runs."""
    message = backend or settings.tracking or f"sqlite:///{Path('mlflow.db').resolve()}"
    if message.partition("+")[0].partition(":")[0] not in ("sqlite", "postgresql", "mysql", "mssql"):
        raise InputError("runs need a database here", where=message, remedy="Pass --backend sqlite:///FILE.")
    return message


def _folder(registry: str) -> Path:
    """Where the server's own files go: beside a registry in SQLite, else here."""
    from sqlalchemy.engine import make_url

    url = make_url(database_uri(registry))
    return Path(url.database).resolve().parent if url.get_backend_name() == "sqlite" and url.database else Path.cwd()


def _shown(registry: str) -> str:
    """A registry's address without its password."""
    from sqlalchemy.engine import make_url

    return make_url(database_uri(registry)).render_as_string()


def _environment(ways: str, registry: str, auth_config: Path | None) -> dict[str, str]:
    """What the workers are told beside the command line; what the operator has set already stays."""
    variables = {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true", "AIMS_GATES_AUTH": ways}
    variables |= {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}  # its routes are never served
    usual: dict[str, str] = {}
    if ways != "none":
        config = auth_config or _folder(registry) / "aims-auth.ini"
        usual |= {_SECRET: secrets.token_urlsafe(32), _ADMIN: "admin", "MLFLOW_AUTH_CONFIG_PATH": str(config.resolve())}
    return variables | {name: os.environ.get(name) or value for name, value in usual.items()}


def _prepare(start: _Start, registry: str, ways: str) -> None:
    """Make what is missing, and refuse here, once, what every worker would refuse again."""
    os.environ.update(start.environment)
    if ways != "none":
        _users(start)
    from aims_gates.ledger.checkpoint_folder import hold
    from aims_gates.mlflow_plugin.internals.store import close
    from aims_gates.mlflow_plugin.server.configuration import configuration
    from aims_gates.mlflow_plugin.store.store import gated_store

    settings = configuration()
    store = gated_store(registry)
    try:
        if settings.checkpoints is not None:
            with store.primary() as session:
                hold(session.connection(), settings.checkpoints)
    finally:
        close(store)
    if ways == "none":
        return
    try:
        from aims_gates.mlflow_plugin.server.signin import bootstrap
    except ImportError as error:
        raise InputError(f"sign-in needs more: {error}", remedy="pip install 'aims-gates[server]'") from error
    bootstrap()
    click.echo(f"aims-gates: the administrator is {os.environ[_ADMIN]!r}", err=True)


def _users(start: _Start) -> None:
    """MLflow's authentication settings and the administrator's first password, where nobody made them."""
    if not start.config.exists():
        write_new(start.config, "\n".join((*start.settings, "")))
    if os.environ.get(_PASSWORD):
        return
    if not start.password.exists():
        write_new(start.password, secrets.token_urlsafe(24), mode=0o600)
        click.echo(f"aims-gates: made up the administrator's password; it is in {start.password}", err=True)
    os.environ[_PASSWORD] = start.password.read_text().strip()

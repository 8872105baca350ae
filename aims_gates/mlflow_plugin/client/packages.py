"""The packages that a model asks for, compared with published advisories by pip-audit.

pip-audit runs in a process of its own and resolves and installs nothing: it gets names and versions that
:mod:`aims_gates.mlflow_plugin.client.requirements` parsed and asks the service about each.
Its answer must be about all of them.
One more package is always asked about, which has known advisories: a service that knows nothing of it is not believed.
"""

import contextlib
import os
import signal
import site
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field

from aims_gates.documents.strict_yaml import parse, read_bytes, read_json
from aims_gates.errors import InputError
from aims_gates.mlflow_plugin.client.requirements import RequiredPackages
from aims_gates.model import Advisory, Packages

__all__ = ["OFF", "look_up", "service_of"]

#: Turns off what the environment or aims.yaml turns on.
OFF = "off"
_OSV, _QUERY = "https://api.osv.dev", "/v1/query"
#: CVE-2014-1402, CVE-2014-0012 and later ones.
_PROBE = "jinja2==2.4.1"
_SECONDS, _SOCKET_SECONDS = 300.0, 15
_MOST_ANSWER, _MOST_WORDS = 32 << 20, 300
#: What a network needs of the environment; in small letters too.
_PASSED = (
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "SSL_CERT_FILE",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
)
#: What pip-audit logs when it leaves out an advisory that it cannot read.
_LEFT_OUT = "WARNING:pip_audit._service"


class _Known(BaseModel):
    model_config = ConfigDict(extra="ignore")

    id: str = Field(min_length=1)
    fix_versions: tuple[str, ...]
    aliases: tuple[str, ...]


class _Package(BaseModel):
    model_config = ConfigDict(extra="ignore")

    name: str
    version: str | None = None
    skip_reason: str | None = None
    vulns: tuple[_Known, ...] | None = None

    @property
    def pin(self) -> str:
        """As it was asked about."""
        return f"{self.name}=={self.version}"


class _AuditReport(BaseModel):
    model_config = ConfigDict(extra="ignore")

    dependencies: tuple[_Package, ...]


@dataclass(frozen=True)
class _Audit:
    """One run of the scanner."""

    service: str
    scratch: Path
    until: float


def service_of(text: str | None) -> str | None:
    """Where to look packages up: ``pypi`` or an address that answers as OSV's ``/v1/query`` does; None for nowhere.

    Args:
        text: ``osv``, ``pypi``, ``off``, or the address of a whole copy of OSV.

    Raises:
        InputError: it is none of these; an address is not https (http on this machine will do) or holds a password.
    """
    if text is None or text == OFF:
        return None
    if text in ("osv", "pypi"):
        return text if text == "pypi" else _OSV + _QUERY
    problem = _unfit(text)
    if problem is not None:
        remedy = "Write osv, pypi, off, or the address of your own copy of OSV: https://HOST."
        raise InputError(problem, where="advisories", remedy=remedy)
    base = text.rstrip("/")
    return base if base.endswith(_QUERY) else base + _QUERY


def _unfit(text: str) -> str | None:
    """Why an address can be no service's, if it cannot."""
    no_service = "this names no service for advisories"
    try:
        address = urlsplit(text)
        host, port = address.hostname, address.port
    except ValueError:
        return no_service
    if not host or not text.isascii() or not text.isprintable() or " " in text:
        return no_service
    safe = address.scheme == "https" or (address.scheme == "http" and _here(host))
    if not safe or port == 0 or address.username or address.password or address.query or address.fragment:
        return "the address of a service for advisories is https, and holds no password, query or fragment"
    return None


def _here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def look_up(folder: Path, names: Iterable[str], service: str, seconds: float = _SECONDS) -> Packages:
    """Look up the packages that a model asks for. That it cannot be done is part of the answer.

    Args:
        folder: The model.
        names: Its files, from :func:`aims_gates.documents.canonical.manifest`: none is a link.
        service: Where, from :func:`service_of`.
        seconds: How long it may take in all.
    """
    asks = RequiredPackages(folder, names)
    result = Packages("pip-audit", service, datetime.now(UTC), asks.files, unknown=asks.unknown, unread=asks.unread)
    try:
        result = replace(result, scanner=f"pip-audit {version('pip-audit')}")
    except PackageNotFoundError:
        return replace(result, failed="pip-audit is not installed: pip install 'aims-gates[gates]'")
    if not asks.pins:
        return result
    try:
        with tempfile.TemporaryDirectory(prefix="aims-packages-") as place:
            job = _Audit(service, Path(place), time.monotonic() + seconds)
            packages = {package.pin: package for package in _answers(job, [_PROBE, *asks.pins])}
    except InputError as error:
        return replace(result, failed=error.message)
    if not packages[_PROBE].vulns:
        return replace(result, failed=f"the service knows nothing of {_PROBE}, which has published advisories")
    pins = {pin: packages[pin] for pin in asks.pins}
    skipped = {pin: "the service does not have it" for pin, package in pins.items() if package.vulns is None}
    return replace(
        result,
        looked_up=tuple(pin for pin in pins if pin not in skipped),
        advisories=tuple(advisory for package in pins.values() for advisory in _advisories(package)),
        unknown={**result.unknown, **skipped},
    )


def _advisories(package: _Package) -> Iterator[Advisory]:
    for known in package.vulns or ():
        ids = tuple(dict.fromkeys([known.id, *sorted(known.aliases)]))
        yield Advisory(package.name, package.version or "", ids, known.fix_versions)


def _answers(job: _Audit, pins: Iterable[str]) -> Iterator[_Package]:
    """What the scanner says of every pin, in as few runs as it takes with no name twice in one.

    Raises:
        InputError: it could not say that of all of them.
    """
    rounds: list[dict[str, str]] = []
    for pin in dict.fromkeys(pins):
        name = pin.partition("==")[0]
        free = next((names for names in rounds if name not in names), None)
        if free is None:
            rounds.append(free := {})
        free[name] = pin
    for names in rounds:
        yield from _scan(job, names)


def _scan(job: _Audit, names: dict[str, str]) -> Iterator[_Package]:
    pins_file, answer, log = (job.scratch / name for name in ("requirements.txt", "answer.json", "log.txt"))
    pins_file.write_text("".join(f"{pin}\n" for pin in names.values()), encoding="ascii")
    answer.unlink(missing_ok=True)
    code = _run(job, pins_file, answer, log)
    words = log.read_bytes()[-(64 << 10) :].decode(errors="replace").splitlines()
    if code not in (0, 1) or not answer.is_file() or _left_out(words):
        last = (_left_out(words) or [line for line in words if line.strip()] or ["it said nothing"])[-1]
        raise InputError(f"pip-audit could not ask the service: {repr(last.strip()[:_MOST_WORDS])[1:-1]}")
    packages = parse(_AuditReport, read_json(read_bytes(answer, _MOST_ANSWER), "answer", _MOST_ANSWER)).dependencies
    for package in packages:
        yield _asked(package, names.pop(package.name, ""))
    if names or bool(code) is not any(package.vulns for package in packages):
        raise InputError(f"pip-audit did not speak of {', '.join(names.values()) or 'what its exit code means'}")


def _left_out(words: Iterable[str]) -> list[str]:
    """The lines that say that an advisory was left out."""
    return [line for line in words if line.startswith(_LEFT_OUT)]


def _asked(package: _Package, pin: str) -> _Package:
    """What the scanner says of a package, which is about this pin.

    Raises:
        InputError: it is about another version, or says both that it was looked up and that it was not.
    """
    # Of a package that the service does not have, the version is not repeated.
    package = package.model_copy(update={"version": pin.partition("==")[2]}) if package.skip_reason else package
    if package.pin != pin or (package.vulns is None) is not bool(package.skip_reason):
        raise InputError(f"pip-audit spoke of {package.name!r}, which it was not asked about like that")
    return package


def _run(job: _Audit, pins_file: Path, answer: Path, log: Path) -> int:
    words = [sys.executable, "-P", "-m", "pip_audit", "--requirement", str(pins_file), "--no-deps", "--disable-pip"]
    words += ["--format", "json", "--desc", "off", "--aliases", "on", "--progress-spinner", "off"]
    words += ["--output", str(answer), "--cache-dir", str(job.scratch / "cache"), "--timeout", str(_SOCKET_SECONDS)]
    osv = ["--vulnerability-service", "osv", "--osv-url", job.service]
    words += ["--vulnerability-service", "pypi"] if job.service == "pypi" else osv
    with log.open("wb") as file:
        process = subprocess.Popen(
            words, cwd=job.scratch, env=_environment(job.scratch), stdin=subprocess.DEVNULL, stdout=file, stderr=file,
            start_new_session=True,
        )  # fmt: skip
        try:
            return process.wait(max(0.0, job.until - time.monotonic()))
        except subprocess.TimeoutExpired:
            raise InputError("the service took too long to answer") from None
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _environment(scratch: Path) -> dict[str, str]:
    """No setting of pip-audit's or Python's own, and no home with passwords for the network in it."""
    passed = [*_PASSED, *(name.lower() for name in _PASSED)]
    variables = {name: os.environ[name] for name in passed if name in os.environ}
    return {**variables, "HOME": str(scratch), "PYTHONUSERBASE": site.getuserbase(), "LC_ALL": "C.UTF-8"}

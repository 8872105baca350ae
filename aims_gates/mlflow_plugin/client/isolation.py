"""How a model's process is kept apart, and what of that is verified.

``bwrap``: namespaces of its own by bubblewrap. The process sees the model's folder, the interpreter with its installed
packages and its input, all read-only; an empty ``/tmp`` with its home in it, and a ``/proc`` of its own. It has no
network, no capability, no environment of ours, and sees no other process and no other file.

``container`` and ``job``: nothing is put around the process, because this one runs in a disposable container, or in a
Job of Kubernetes, already. What can be looked at is looked at, and said; where something is at hand that a model must
not reach, it is refused. ``spark``: the model ran in Spark's Python workers, which nothing of ours keeps apart; it
counts as ``none``. ``none``: nothing is around it. ``auto`` is ``bwrap`` where that works, else ``none``.
"""

import functools
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from aims_gates.attestation.signing.keys import ENVIRONMENT
from aims_gates.errors import InputError
from aims_gates.model import LEAST_ISOLATION

__all__ = ["CHOICES", "WAYS", "Isolation", "Kind", "bwrap_command", "choose", "kind_of", "missing_namespaces", "weaker"]

Kind = Literal["bwrap", "container", "job", "spark", "none"]
#: What ``--isolation`` takes, and what each choice means.
CHOICES: Mapping[str, str] = {
    "auto": "bwrap where that works, else none",
    "bwrap": "namespaces without network, keys or labels",
    "container": "this command itself runs in a container that is thrown away and holds no key",
    "job": "the same in a Job of Kubernetes",
    "none": "nothing",
}

#: How to have namespaces; printed wherever they are asked for and missing.
WAYS = (
    "Debian and Ubuntu: apt-get install bubblewrap. GitHub (ubuntu runners): that, and sudo sysctl -w "
    "kernel.apparmor_restrict_unprivileged_userns=0. GitLab (docker executor): security_opt = "
    '["seccomp=unconfined", "apparmor=unconfined", "systempaths=unconfined"] in config.toml, or a shell executor. '
    "Kubernetes: hostUsers: false and procMount: Unmasked. See docs/isolation.md."
)
#: Where the model, its input and its home stand for a process in namespaces.
MODEL, JOB, HOME = "/model", "/job", "/tmp/home"
_TMP_BYTES = 4 << 30
#: Parts of a Python installation; whatever else lies in the same folder (keys, data) is not shown.
_INSTALLED = ("bin", "lib", "lib64", "include", "share", "etc", "pyvenv.cfg")
_SYSTEM = ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
_SETTINGS = (
    "/etc/alternatives", "/etc/fonts", "/etc/ld.so.cache", "/etc/localtime", "/etc/mime.types", "/etc/OpenCL",
    "/etc/ssl/certs", "/sys/devices/system/cpu",
)  # fmt: skip
#: The number of the kernel's first PID namespace (PROC_PID_INIT_INO in its include/linux/proc_ns.h).
_FIRST_PIDS = "pid:[4026531836]"
_TOKEN = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")


@dataclass(frozen=True)
class Isolation:
    """What is around a model's process.

    Attributes:
        kind: See :data:`Kind`.
        verified: What was looked at and holds, where this process vouches for its own surroundings.
        reason: Why it is ``none``, where that was not asked for.
    """

    kind: Kind
    verified: tuple[str, ...] = ()
    reason: str = ""

    def said(self) -> str:
        """In one sentence."""
        match self.kind:
            case "bwrap":
                return "The model ran in namespaces of its own (bwrap)."
            case "spark":
                return (
                    "The model ran in Spark's Python workers, without isolation of ours: it could read what their "
                    "account can read, and reach what their machines can reach."
                )
            case "none":
                return f"The model ran without isolation{f': {self.reason}' if self.reason else '.'}"
            case kind:
                return f"The model ran in a disposable {kind}, of which was verified: {', '.join(self.verified)}."


def weaker(kind: str, least: str) -> bool:
    """Whether this isolation is less than the least one asked for; what is unknown is none."""
    return LEAST_ISOLATION.get(kind, 0) < LEAST_ISOLATION[least]


def kind_of(text: str) -> Kind:
    """The kind of this name; ``none`` where there is no such kind."""
    return next((kind for kind in get_args(Kind) if kind == text), "none")


def choose(kind: str = "auto", *, key: bool = True) -> Isolation:
    """The isolation that was asked for, once it is known to work here.

    Args:
        kind: One of :data:`CHOICES`.
        key: Whether this process holds a private key.

    Raises:
        InputError: it cannot be had here, with the way to have it.
    """
    if kind == "none":
        return Isolation("none")
    if kind in ("container", "job"):
        return _around(kind_of(kind), key)
    reason = missing_namespaces()
    if reason is None:
        return Isolation("bwrap")
    if kind == "bwrap":
        raise InputError(f"there are no namespaces here: {reason}", where="--isolation bwrap", remedy=WAYS)
    return Isolation("none", reason=reason)


@functools.cache
def missing_namespaces() -> str | None:
    """Why no process can be put into namespaces of its own here; None where one can. Tried once."""
    if not sys.platform.startswith("linux"):
        return "only Linux has them"
    if _bwrap() is None:
        return "bubblewrap is not installed (Debian, Ubuntu: apt-get install bubblewrap)"
    try:
        tried = subprocess.run(
            [*_namespaces(), "--", sys.executable, "-I", "-S", "-c", "pass"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env={},
            timeout=30,
            check=False,
        )
    except (OSError, subprocess.SubprocessError) as error:
        return f"bubblewrap does not run: {error}"
    if tried.returncode == 0:
        return None
    words = tried.stderr.decode(errors="replace").strip().splitlines() or [f"exit code {tried.returncode}"]
    return f"this machine or container does not permit them ({words[-1]})"


@contextmanager
def bwrap_command(model: Path, job: Path) -> Iterator[tuple[list[str], tuple[int, ...]]]:
    """What stands before a command that is to run in namespaces of its own, and descriptors that it must inherit.

    The process inside sees the words of its PID 1, so those that name our folders are read from the descriptor.

    Args:
        model: Shown at :data:`MODEL`.
        job: The folder with its input, shown at :data:`JOB`.
    """
    program, *words = _namespaces()
    words += ["--ro-bind", str(model.absolute()), MODEL, "--ro-bind", str(job), JOB, "--dir", HOME, "--chdir", HOME]
    with tempfile.TemporaryFile() as file:
        file.write("".join(f"{word}\0" for word in words).encode())
        file.flush()
        file.seek(0)
        yield [program, "--args", str(file.fileno()), "--"], (file.fileno(),)


def _bwrap() -> str | None:
    return shutil.which("bwrap")


@functools.cache
def _known_options() -> str:
    program = _bwrap() or "bwrap"
    completed = subprocess.run([program, "--help"], capture_output=True, env={}, timeout=30, check=False)
    return completed.stdout.decode(errors="replace") + completed.stderr.decode(errors="replace")


def _namespaces() -> list[str]:
    # Nobody inside, also where root started it; --new-session takes the terminal away.
    words = [_bwrap() or "bwrap", "--unshare-all", "--unshare-user", "--uid", "65534", "--gid", "65534"]
    words += ["--die-with-parent", "--new-session", "--cap-drop", "ALL", "--hostname", "model"]
    words += ["--disable-userns"] if "--disable-userns" in _known_options() else []
    words += ["--proc", "/proc", "--dev", "/dev"]
    words += ["--size", str(_TMP_BYTES)] if "--size" in _known_options() else []
    # /tmp comes before the interpreter, which may lie below it.
    return [*words, "--tmpfs", "/tmp", *_system(), *(word for place in _interpreter() for word in _shown(place))]


def _shown(place: Path | str) -> tuple[str, str, str]:
    return "--ro-bind-try", str(place), str(place)


def _system() -> Iterator[str]:
    yield from _shown("/usr")
    for place in map(Path, _SYSTEM):
        if place.is_symlink():
            yield from ("--symlink", str(place.readlink()), str(place))
        elif place.is_dir():
            yield from _shown(place)
    for name in _SETTINGS:
        yield from _shown(name)


def _interpreter() -> list[Path]:
    """The parts of the Python installation that do not lie in /usr, by every name they go by."""
    roots = {Path(name) for name in (sys.prefix, sys.exec_prefix, sys.base_prefix, sys.base_exec_prefix)}
    roots |= {root.resolve() for root in roots}
    places = {root / part for root in roots for part in _INSTALLED} | _packages()
    return sorted(place for place in places if not place.is_relative_to("/usr") and place.exists())


def _packages() -> set[Path]:
    """Folders of installed packages, which a virtual environment may take from elsewhere."""
    places = {Path(name) for name in sys.path if Path(name).name in ("site-packages", "dist-packages")}
    return places | {place.resolve() for place in places}


def _around(kind: Kind, key: bool) -> Isolation:
    """What is around this process itself.

    Raises:
        InputError: something is at hand that a model must not reach, or it is not there at all; all of it at once.
    """
    verified, problems = [], []
    for name, holds, problem in _looked_at(kind, key):
        if holds:
            verified.append(name)
        elif problem:
            problems.append(problem)
    if problems:
        remedy = (
            "Run this step without keys, alone in a container of its own, and sign what it wrote elsewhere: "
            "aims-gates predict --sign OUT. See docs/isolation.md."
        )
        raise InputError("; ".join(problems), where=f"--isolation {kind}", remedy=remedy)
    return Isolation(kind, tuple(verified))


def _looked_at(kind: str, key: bool) -> Iterator[tuple[str, bool, str]]:
    """What is verified, whether it holds, and what is wrong otherwise; what has no such words may be either way."""
    ours = _ancestors()
    yield "own PID namespace", _link("/proc/self/ns/pid") not in ("", _FIRST_PIDS), "this is no container"
    others = sorted(_processes() - ours)
    yield "no other process", not others, f"other processes run here ({', '.join(map(str, others[:5]))})"
    variables = {name for process in ours for name in _variables(process)}
    yield "no signing key", not key and ENVIRONMENT not in variables, "a signing key is at hand here"
    job = kind == "job"
    yield "a pod of Kubernetes", "KUBERNETES_SERVICE_HOST" in variables, "this is no pod of Kubernetes" if job else ""
    token = f"the pod's own token is at hand ({_TOKEN}): set automountServiceAccountToken: false"
    yield "no token of a service account", not _TOKEN.exists(), token
    yield "no network", _links() <= {"lo"}, ""


def _link(place: str) -> str:
    try:
        return str(Path(place).readlink())
    except OSError:
        return ""


def _processes() -> set[int]:
    return (
        {int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()} if Path("/proc/1").exists() else {0}
    )


def _ancestors() -> set[int]:
    """This process and those that it comes from."""
    descendants, process = set(), os.getpid()
    while process and process not in descendants:
        descendants.add(process)
        try:
            process = int(Path(f"/proc/{process}/stat").read_text(errors="replace").rpartition(")")[2].split()[1])
        except (OSError, ValueError, IndexError):
            break
    return descendants


def _variables(process: int) -> set[str]:
    """Names of the variables in a process's environment, as far as this account may read them."""
    try:
        words = Path(f"/proc/{process}/environ").read_bytes().split(b"\0")
    except OSError:
        return set()
    return {word.partition(b"=")[0].decode(errors="replace") for word in words if word}


def _links() -> set[str]:
    """Network interfaces; one without a name where they cannot be listed."""
    try:
        lines = Path("/proc/net/dev").read_text().splitlines()[2:]
    except OSError:
        return {""}
    return {line.partition(":")[0].strip() for line in lines}

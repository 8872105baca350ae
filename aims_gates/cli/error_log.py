"""The log of an unexpected error, to paste into an issue: versions, command and traceback, without what the data hold.

The text of an exception often quotes data (``could not convert string to float: '...'``), so the log names its type
alone. Of the command line it keeps command words, names of options and the values of those that are no secret and no
free text.
"""

import platform
import re
import secrets
import sys
import tempfile
import traceback
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from aims_gates.documents.files import write_new
from aims_gates.documents.shell import quoted

__all__ = ["log_text", "write_log"]

HIDDEN = "HIDDEN"
#: Options whose values are hidden: secrets by their names, and what people write or measure.
_PRIVATE = re.compile(
    r"--(?:.*(?:key|password|secret|token|passphrase|login|user|person|owner|author).*"
    r"|reason|risk|comment|compensating-control|param|note|by)"
)
#: The part of an address that may hold a password.
_USER_INFO = re.compile(r"(?<=://)[^/@\s]+@")
_QUERY = re.compile(r"(://[^\s?]*\?)\S+")
_DISTRIBUTIONS = ("aims-gates", "mlflow", "mlflow-skinny", "sqlalchemy", "pandas", "duckdb")


def write_log(error: BaseException, words: Sequence[str]) -> Path:
    """Write the log to a new file in the folder for temporary files (``TMPDIR``), readable by its owner alone.

    Raises:
        InputError: it cannot be written.
        OSError: there is no folder for temporary files.
    """
    now = datetime.now(UTC)
    path = Path(tempfile.gettempdir()) / f"aims-gates-error-{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}.log"
    return write_new(path, log_text(error, words, now).encode("utf-8", errors="backslashreplace"), mode=0o600)


def log_text(error: BaseException, words: Sequence[str], now: datetime) -> str:
    """The log's text.

    Args:
        error: What was raised.
        words: The command line without the program's name.
        now: When, in UTC.
    """
    lines = [f"aims-gates: unexpected error, {now:%Y-%m-%d %H:%M:%S} UTC", ""]
    lines += [f"{name}: {release}" for name, release in _versions()]
    lines += [f"command: {' '.join(map(quoted, ('aims-gates', *_shown(words))))}", "", *_traceback(error)]
    lines += ["", "The texts of exceptions are left out, since they may quote data."]
    return "\n".join(lines) + "\n"


def _versions() -> Iterator[tuple[str, str]]:
    for name in _DISTRIBUTIONS:
        try:
            yield name, version(name)
        except PackageNotFoundError:
            continue
    yield "Python", f"{platform.python_version()} ({platform.python_implementation()})"
    yield "system", f"{platform.system()} {platform.release()} {platform.machine()}"


def _shown(words: Sequence[str]) -> Iterator[str]:
    """The words of a command line; values that are private are hidden."""
    private = False
    for word in words:
        option, equals, _ = word.partition("=")
        if option.startswith("--"):
            private = _PRIVATE.fullmatch(option) is not None and not equals
            yield f"{option}={HIDDEN}" if equals and _PRIVATE.fullmatch(option) else _address(word)
        elif private:
            private = False
            yield HIDDEN
        else:
            yield _address(word)


def _address(word: str) -> str:
    return _QUERY.sub(rf"\1{HIDDEN}", _USER_INFO.sub(f"{HIDDEN}@", word))


def _traceback(error: BaseException) -> Iterator[str]:
    """The tracebacks of an exception and of what led to it, oldest first: places and types."""
    for index, link in enumerate(reversed(_chain(error))):
        if index:
            yield "which led to:"
        yield "Traceback (most recent call last):"
        for frame in traceback.extract_tb(link.__traceback__):
            yield f'  File "{_place(frame.filename)}", line {frame.lineno}, in {frame.name}'
            if frame.line:
                yield f"    {frame.line}"
        yield f"{type(link).__module__}.{type(link).__qualname__}"


def _chain(error: BaseException) -> list[BaseException]:
    links = [error]
    while True:
        last = links[-1]
        before = last.__cause__ or (None if last.__suppress_context__ else last.__context__)
        if before is None or before in links:
            return links
        links.append(before)


def _place(filename: str) -> str:
    """A file's path without the parts that name a machine's folders."""
    place = Path(filename)
    for root in sorted(map(Path, filter(None, sys.path)), key=lambda root: -len(root.parts)):
        if place.is_relative_to(root):
            return place.relative_to(root).as_posix()
    return place.name

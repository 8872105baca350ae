"""How the demo speaks: it prints each command before it runs it, and stops at the first thing that is not as told."""

import io
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from textwrap import fill
from typing import TextIO

__all__ = ["Unexpected", "aims", "must", "python", "refused", "say", "title"]

_WIDTH = 110


class Unexpected(Exception):
    """A step did not behave as the demo says it does."""


class _Tee(io.TextIOBase):
    """Prints and remembers."""

    def __init__(self, stream: TextIO, retained: io.StringIO) -> None:
        self.stream, self.kept = stream, retained

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self.stream.encoding

    def isatty(self) -> bool:
        return self.stream.isatty()

    def fileno(self) -> int:
        return self.stream.fileno()

    def write(self, text: str) -> int:
        self.kept.write(text)
        return self.stream.write(text)

    def flush(self) -> None:
        self.stream.flush()


def title(text: str) -> None:
    """A new part of the story."""
    print(f"\n\n== {text} {'=' * max(3, _WIDTH - len(text) - 4)}", flush=True)


def say(text: str) -> None:
    """A sentence or two."""
    print("\n" + fill(" ".join(text.split()), _WIDTH), flush=True)


def must(holds: bool, message: str) -> None:
    """Stop where something is not as told.

    Raises:
        Unexpected: it does not hold.
    """
    if not holds:
        raise Unexpected(message)


def aims(line: str, *arguments: str, code: int = 0, has: tuple[str, ...] = (), quiet: bool = False) -> str:
    """Run an aims-gates command in this process, as its console script would.

    Args:
        line: The command's words without spaces in them.
        arguments: Words that may hold spaces, appended.
        code: The exit code it must have.
        has: What its output must hold.
        quiet: Whether to keep the output back; it is shown when something is wrong.

    Raises:
        Unexpected: another exit code, or a text is missing.
    """
    from aims_gates.cli import main

    words = [*line.split(), *arguments]
    shown = " ".join(f"'{word}'" if " " in word or "*" in word else word for word in words)
    print(f"\n$ aims-gates {shown}", flush=True)
    buffer = io.StringIO()
    out, err = (buffer, buffer) if quiet else (_Tee(sys.stdout, buffer), _Tee(sys.stderr, buffer))
    with redirect_stdout(out), redirect_stderr(err):
        exit_code = main(words)
    message = buffer.getvalue()
    if exit_code:
        print(f"(exit code {exit_code})", flush=True)
    if quiet and exit_code != code:
        print(message)
    must(exit_code == code, f"aims-gates {shown}: exit code {exit_code}, not {code}")
    flat = " ".join(message.split())
    for item in has:
        must(item in flat, f"aims-gates {shown}: the output does not hold {item!r}")
    return message


def python(line: str) -> None:
    """Print a line of Python that the demo runs next."""
    print(f"\n>>> {line}", flush=True)


def refused(act: Callable[[], object], kind: type[Exception], has: tuple[str, ...] = ()) -> Exception:
    """Do what must be refused, and print the refusal.

    Raises:
        Unexpected: it went through, or the refusal does not say what it must.
    """
    try:
        act()
    except kind as error:
        print(f"{type(error).__name__}: {error}", flush=True)
        for item in has:
            must(item in str(error), f"the refusal does not say {item!r}")
        return error
    raise Unexpected("this went through and should have been refused")

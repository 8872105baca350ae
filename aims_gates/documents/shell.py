"""Commands that we print, so that somebody can paste them into a shell."""

import shlex

__all__ = ["invocation", "quoted"]


def quoted(*words: object) -> str:
    """Words of a printed command, each quoted for a POSIX shell where it holds more than plain characters."""
    return shlex.join(map(str, words))


def invocation(verb: str, *names: object, options: str = "") -> str:
    """A command of ours on these names: ``aims-gates promote loans 3``.

    Where a name begins with a dash it is no option: all options come first, and ``--`` ends them.

    Args:
        verb: Its words after ``aims-gates``.
        names: What it is about, quoted where needed.
        options: The rest, as it is printed.
    """
    dashed = any(str(name).startswith("-") for name in names)
    parts = [options, "--", quoted(*names)] if dashed else [quoted(*names), options]
    return " ".join(part for part in ("aims-gates", verb, *parts) if part)

"""Commands that we print, so that somebody can paste them into a shell."""

import shlex

__all__ = ["quoted"]


def quoted(*words: object) -> str:
    """Words of a printed command, each quoted for a POSIX shell where it holds more than plain characters."""
    return shlex.join(map(str, words))

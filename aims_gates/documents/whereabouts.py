"""Text that is stored or signed says nothing of the machine it was made on: no absolute path of it."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["anywhere", "parts_anywhere"]

#: An absolute path of two parts or more, also in ``file://`` and ``sqlite:///`` addresses; no part of a web address.
_ABSOLUTE = re.compile(
    r"(?:(?<=:///)|(?<![\w:/.~-]))(?:file://)?(?:[A-Za-z]:\\[^\s:'\"(),;]*\\|(?:/[^\s/:'\"(),;]+)+/)([^\s/\\:'\"(),;]*)"
)


def anywhere(text: str, root: Path | None = None) -> str:
    """Text with paths below a folder written from there, and other absolute paths as their last part.

    Args:
        text: A message, a note, a location.
        root: The pack's folder.
    """
    for base in () if root is None else (str(root), str(root.resolve())):
        text = text.replace(f"{base}/", "")
    return _ABSOLUTE.sub(lambda match: match[1], text)


def parts_anywhere(value: Any, root: Path) -> Any:
    """Every text of a value, however deep, written as ``anywhere`` does."""
    if isinstance(value, str):
        return anywhere(value, root)
    if isinstance(value, Mapping):
        return {name: parts_anywhere(part, root) for name, part in value.items()}
    return type(value)(parts_anywhere(part, root) for part in value) if isinstance(value, list | tuple) else value

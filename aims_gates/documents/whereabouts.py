"""Text that is stored or signed says nothing of the machine it was made on: no absolute path of it."""

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from aims_gates.model import Finding

__all__ = ["anywhere", "finding_anywhere"]

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


def _parts(value: Any, root: Path) -> Any:
    if isinstance(value, str):
        return anywhere(value, root)
    if isinstance(value, Mapping):
        return {name: _parts(part, root) for name, part in value.items()}
    return type(value)(_parts(part, root) for part in value) if isinstance(value, list | tuple) else value


def finding_anywhere(finding: Finding, root: Path) -> Finding:
    """A finding whose texts name no place of this machine."""
    texts = {name: _parts(getattr(finding, name), root) for name in ("note", "remedy", "over")}
    return replace(finding, **texts)

"""Canonical bytes and digests of values, and the manifest digest of a folder.

Bytes follow RFC 8785 (JSON Canonicalization Scheme). A digest is ``sha256:`` and 64 hex digits.
"""

import hashlib
import json
import os
import re
import stat
from collections.abc import Iterable, Iterator
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any

import rfc8785

from aims_gates.errors import InputError, IntegrityError

__all__ = [
    "LEFT_OUT",
    "canonical_bytes",
    "check_left_out",
    "digest",
    "digest_bytes",
    "digest_file",
    "digest_of",
    "folder_digest",
    "is_canonical",
    "is_digest",
    "lean",
    "manifest",
    "plain",
    "read_canonical",
    "text_digest",
]

#: A stock MLflow load writes this file into the model's root; it is the one file left out.
LEFT_OUT = "registered_model_meta"
#: What MLflow writes there. With anything else in it a model could keep its weights where no digest looks.
_META = re.compile(r"(?:model_(?:name|version): ?[^\n]*(?:\n +[^\n]*)*(?:\n|\Z)){1,2}")
_META_BYTES = 1024
#: Fields that came in later and are left out where they say nothing: of plans and their requirements, of evidence, its
#: findings and predictions, of requests, of entries of the trust list.
_LATER = frozenset(
    {
        *("grace", "isolation", "least_basis", "organization", "records_read"),
        *("replaced", "rests_on", "samples", "schemas", "trial", "windows"),
    }
)
#: The same of findings, under names that other nouns have too.
_NEWER = ("missing", "cause", "renewal")
#: What came in later and is left out where it has its usual value.
_USUAL = {"grace_days": 30}
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}", re.ASCII)


def plain(value: Any) -> Any:
    """The JSON form of a noun: dataclasses as objects, tuples as lists.

    What came in later (:data:`_LATER`) is left out where it is empty: what was bound or signed before there was such a
    field keeps its bytes.
    """
    return asdict(value, dict_factory=lean) if is_dataclass(value) and not isinstance(value, type) else value


def lean(fields: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """The JSON object of one noun's fields, without what came in later and is empty."""
    items = {name: value for name, value in fields if _says_something(name, value)}
    return _lean_finding(items) if "measure" in items else items


def _says_something(name: str, value: Any) -> bool:
    return value != _USUAL[name] if name in _USUAL else bool(value) or name not in _LATER


def _lean_finding(finding: dict[str, Any]) -> dict[str, Any]:
    """A finding's JSON object without those of its newer fields that are empty."""
    return {name: value for name, value in finding.items() if value or name not in _NEWER}


def canonical_bytes(value: Any) -> bytes:
    """RFC 8785 bytes of a JSON value or noun.

    Raises:
        InputError: the value holds NaN, infinity, an integer beyond 2**53 or a non-JSON type.
    """
    try:
        return rfc8785.dumps(plain(value))
    except (rfc8785.CanonicalizationError, UnicodeError, RecursionError, TypeError) as error:
        raise InputError(f"not a JSON value that can be signed: {error}") from error


def is_canonical(value: Any, data: bytes) -> bool:
    """Whether these are the canonical bytes of a value that was read from JSON; as :func:`canonical_bytes`, but faster.

    Python writes ASCII text and plain numbers as RFC 8785 does; where another number may stand, that is asked.

    Raises:
        InputError: as :func:`canonical_bytes`.
    """
    quickly = read_canonical(data) is not None and _WRITER.encode(value).encode() == data
    return quickly or canonical_bytes(value) == data


def _whole(text: str) -> int:
    if len(text) > 15:
        raise ValueError(text)
    return int(text)


def _decimal(text: str) -> float:
    """A number that Python writes as RFC 8785 does: from 1e-4 to 1e16, with a fraction."""
    value = float(text)
    if repr(value) != text or "e" in text or text.endswith(".0"):
        raise ValueError(text)
    return value


_READER = json.JSONDecoder(parse_float=_decimal, parse_int=_whole, parse_constant=_whole)
_WRITER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def read_canonical(data: bytes) -> Any | None:
    """The value that these are the canonical bytes of, where that is quickly told; None is no answer.

    Bytes that are written again from the value they gave hold no key twice, no NaN and no half of a character.
    """
    try:
        text = data.decode("ascii")
        value = _READER.decode(text)
        return value if _WRITER.encode(value) == text else None
    except (ValueError, RecursionError):
        return None


def digest_bytes(data: bytes) -> str:
    """``sha256:...`` of these bytes."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def digest(value: Any) -> str:
    """``sha256:...`` of a value's canonical bytes."""
    return digest_bytes(canonical_bytes(value))


def digest_of(noun: Any, field: str | None = None) -> str:
    """As :func:`digest` of a frozen noun or of one of its fields, made once and kept with the noun."""
    place = f"_digest of {field}"
    result: str | None = noun.__dict__.get(place)
    if result is None:
        result = noun.__dict__[place] = digest(noun if field is None else getattr(noun, field))
    return result


def text_digest(text: str) -> str:
    """``sha256:...`` of a text with space and line breaks evened out: of a purpose, wherever it stands."""
    return digest(" ".join(text.split()))


def is_digest(text: str) -> bool:
    """Whether this is a digest as this module writes them."""
    return _DIGEST.fullmatch(text) is not None


def digest_file(path: Path) -> str:
    """``sha256:...`` of a file's bytes, read in blocks."""
    with path.open("rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    """Every file with its POSIX path, without recursion: a model may nest deeper than Python's stack."""
    waiting = [("", folder)]
    while waiting:
        prefix, place = waiting.pop()
        with os.scandir(place) as entries:
            for entry in entries:
                name = f"{prefix}{entry.name}"
                mode = entry.stat(follow_symlinks=False).st_mode
                if stat.S_ISDIR(mode):
                    waiting.append((f"{name}/", Path(entry.path)))
                elif stat.S_ISREG(mode):
                    yield name, Path(entry.path)
                else:
                    raise IntegrityError(
                        f"{name!r} is neither a file nor a folder (a link, a device or a pipe)",
                        where=str(folder),
                        remedy="Replace it by the file itself: a link's target can change after it was approved.",
                    )


def manifest(folder: Path, *, leave_out: Iterable[str] = (LEFT_OUT,)) -> list[list[Any]]:
    """The sorted manifest of a folder: ``[POSIX path, size in bytes, sha256 hex]`` for each file.

    Args:
        folder: The model's folder.
        leave_out: Root files that do not count.

    Raises:
        IntegrityError: the folder is missing, empty or unreadable, or holds anything but files and folders.
    """
    if not folder.is_dir() or folder.is_symlink():
        raise IntegrityError("no such folder", where=str(folder), remedy="Check the artifact location.")
    skipped = set(leave_out)
    try:
        rows: list[list[Any]] = [
            [name, path.stat().st_size, digest_file(path).removeprefix("sha256:")]
            for name, path in _files(folder)
            if name not in skipped
        ]
    except OSError as error:
        message = f"{error.filename or 'a file'} cannot be read: {error.strerror}"
        raise IntegrityError(message, where=str(folder), remedy="Check its rights.") from error
    if not rows:
        raise IntegrityError("the folder holds no files", where=str(folder), remedy="Log the model again.")
    return sorted(rows)


def check_left_out(folder: Path) -> None:
    """Refuse a folder whose left-out file holds anything but what MLflow writes there: a name and a version.

    Raises:
        IntegrityError: it does, or cannot be read.
    """
    path = folder / LEFT_OUT
    try:
        with path.open("rb") as file:
            data = file.read(_META_BYTES + 1)
    except FileNotFoundError:
        return
    except OSError as error:
        raise IntegrityError(
            f"cannot be read: {error.strerror}", where=str(path), remedy="Check its rights."
        ) from error
    text = data.decode("utf-8", "replace")
    plain_text = len(data) <= _META_BYTES and text.replace("\n", "").isprintable() and "\ufffd" not in text
    if not plain_text or _META.fullmatch(text) is None:
        message = "it holds what MLflow never writes there, and no digest covers it"
        raise IntegrityError(message, where=str(path), remedy="Remove it, and find out who wrote it.")


def folder_digest(folder: Path) -> str:
    """A model folder's subject digest: ``sha256:...`` over its sorted manifest.

    Raises:
        IntegrityError: as :func:`manifest`.
    """
    return digest(manifest(folder))

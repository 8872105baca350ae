"""A text file in another encoding, or with comments, as plain UTF-8 in the scratch folder."""

import gzip
import io
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import IO, cast

from aims_gates.data._duckdb.engine import fresh_name, scratch
from aims_gates.data.schema.declared import Declared
from aims_gates.errors import DataError

__all__ = ["plain_files"]

_UTF8 = ("utf-8", "utf8", "utf-8-sig")


def plain_files(names: list[str], schema: Declared, packed: bool, where: str) -> list[str]:
    """The files, or copies of them in UTF-8 without comments where they are otherwise; the caller removes copies.

    Raises:
        DataError: the text is not in the declared encoding.
    """
    if schema.encoding.lower() in _UTF8 and not schema.dialect.comment:
        return names
    return [_plain(Path(name), schema, packed, where) for name in names]


def _plain(file: Path, schema: Declared, packed: bool, where: str) -> str:
    target = scratch() / f"{fresh_name('plain')}.csv"
    with file.open("rb") as raw, gzip.open(raw) if packed else nullcontext(raw) as data:
        reader = io.TextIOWrapper(cast("IO[bytes]", data), schema.encoding, newline="")
        try:
            with target.open("w", encoding="utf-8", newline="") as writer:
                writer.writelines(_without_comments(reader, schema))
        except UnicodeError as error:
            target.unlink(missing_ok=True)
            remedy = f"Name the encoding it is in ({schema.where}), or save it anew."
            raise DataError(f"the text is not {schema.encoding}", where=where, remedy=remedy) from error
    return str(target)


def _without_comments(lines: Iterable[str], schema: Declared) -> Iterator[str]:
    """The lines that are no comments; one within quotes is a part of its cell."""
    mark, quote, within = schema.dialect.comment, schema.dialect.quote, False
    for line in lines:
        if mark and not within and line.startswith(mark):
            continue
        within ^= bool(line.count(quote) % 2)
        yield line

"""Tables of predictions that are folders of Parquet files: their parts, and their rows beside the evaluation set's."""

# mypy: allow-untyped-calls

from collections.abc import Mapping, Sequence
from pathlib import Path

from aims_gates.data import Dataset
from aims_gates.data.open import folder_manifest
from aims_gates.documents.canonical import digest, digest_file

__all__ = ["MOST_PARTS", "ROW", "changed_parts", "other_rows", "parts_of", "table_digest"]

#: Which row of the evaluation set a row is, from 0, in the order of its file or files.
ROW = "row"
#: All parts are named in the signed statement.
MOST_PARTS = 4096


def parts_of(folder: Path) -> tuple[dict[str, str], str]:
    """Name -> digest of each part, and the digest of the whole, as :attr:`aims_gates.data.Dataset.digest` has it."""
    manifest = folder_manifest(folder)
    return {name: content for name, _, content in manifest}, digest(manifest)


def table_digest(path: Path) -> str | None:
    """The digest of a table of predictions, a file or a folder; None where there is none."""
    if path.is_dir():
        return parts_of(path)[1]
    return digest_file(path) if path.is_file() else None


def changed_parts(folder: Path, parts: Mapping[str, str]) -> list[str]:
    """In which parts a folder differs from those that were signed; at most ten are named."""
    here, _ = parts_of(folder)
    problems = [f"{folder.name}/{name} is missing" for name in parts if name not in here]
    problems += [f"{folder.name}/{name} is no part that was signed" for name in here if name not in parts]
    problems += [
        f"{folder.name}/{name} is not the part that was signed"
        for name, content in here.items()
        if parts.get(name, content) != content
    ]
    return problems[:10]


def other_rows(table: Dataset, evaluation: Dataset, names: Sequence[str]) -> list[str]:
    """What differs from the evaluation set in these columns, row by row: the n-th row of the table is its row n.

    Nothing but counts is held in memory, however long the two are.
    """
    lacking = [name for name in (ROW, *names) if name not in table.columns]
    if lacking or table.rows != evaluation.rows:
        return [f"{Path(table.where).name} has other rows or columns than the evaluation set"]
    quote, row = Dataset.quote, Dataset.quote(ROW)
    first = ", ".join([f"{row} AS r", *(f"{quote(name)} AS a{place}" for place, name in enumerate(names))])
    second = ", ".join(["row_number() OVER () - 1 AS n", *(f"{quote(name)} AS b{i}" for i, name in enumerate(names))])
    kinds = [table.type(name) for name in names]
    alike = [f"a{place} IS NOT DISTINCT FROM CAST(b{place} AS {kind})" for place, kind in enumerate(kinds)]
    counts = ", ".join(f"count(*) FILTER (NOT ({same}))" for same in ("r IS NOT DISTINCT FROM n", *alike))
    differ = table.query(
        f"SELECT {counts} FROM (SELECT {first} FROM data) AS a "
        f"POSITIONAL JOIN (SELECT {second} FROM {evaluation.table}) AS b"
    )[0]
    return [
        f"{Path(table.where).name} has another {name}"
        for name, count in zip((ROW, *names), differ, strict=True)
        if count
    ]

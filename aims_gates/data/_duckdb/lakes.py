"""Folders whose files are not their rows: a log beside them says which files count."""

from pathlib import Path
from typing import Any

from aims_gates.data.tables.source import Source
from aims_gates.documents.canonical import digest, digest_file
from aims_gates.errors import DataError, InputError

__all__ = ["is_hidden", "open_delta", "refuse_part_of_lake"]

_DELTA = "_delta_log"


def is_hidden(name: str) -> bool:
    """Whether Spark leaves a file or folder of this name out: what is being written, or says something else."""
    return name.startswith(".") or (name.startswith("_") and "=" not in name) or name.endswith("._COPYING_")


def _kind(folder: Path) -> str | None:
    if (folder / _DELTA).is_dir():
        return "Delta"
    if (folder / ".hoodie").is_dir():
        return "Hudi"
    return "Iceberg" if any((folder / "metadata").glob("*.metadata.json")) else None


def refuse_part_of_lake(files: list[Path], base: Path) -> None:
    """Refuse files below a table's folder that its log may have withdrawn, and tables that cannot be read.

    Args:
        files: The files.
        base: The folder that was named, or that of the one file.

    Raises:
        DataError: naming the table.
    """
    folders = {folder for file in files for folder in file.absolute().parents} | {base.absolute()}
    for folder in sorted(folders):
        kind = _kind(folder)
        if kind == "Delta":
            remedy = f"Name the table's folder: {folder}"
            raise DataError(
                "this is a part of a Delta table, whose log says what counts", where=str(base), remedy=remedy
            )
        if kind is not None:
            remedy = "Export the rows that count as Parquet, in a folder of their own."
            raise DataError(f"{folder.name} is a table of {kind}, which is not read", where=str(base), remedy=remedy)


def open_delta(folder: Path, where: str) -> Source | None:
    """A Delta table as its log has it now; None where the folder is none.

    Raises:
        InputError: the library is not installed.
        DataError: the table uses what the library cannot read.
    """
    if not (folder / _DELTA).is_dir():
        return None
    try:
        import deltalake
    except ImportError as error:
        remedy = "Install it: pip install 'aims-gates[delta]'; or export the rows that count as Parquet."
        message = "a Delta table is read by deltalake, which is not installed"
        raise InputError(message, where=where, remedy=remedy) from error
    from aims_gates.data._duckdb.frames import open_frame

    try:
        table: Any = deltalake.DeltaTable(str(folder))
        rows = table.to_pyarrow_table()
        files = sorted(_file(folder, uri) for uri in table.file_uris())
    except Exception as error:
        message = f"the Delta table cannot be read: {' '.join(str(error).split())[:200]}"
        raise DataError(message, where=where, remedy="Export the rows that count as Parquet.") from error
    opened = open_frame(rows, where)
    manifest = [[name, digest_file(folder / name)] for name in files]
    named = digest(manifest)
    return Source(opened.sql, where, opened.names, digest=lambda: named, frames=opened.frames)


def _file(folder: Path, uri: str) -> str:
    from urllib.parse import unquote

    path = Path(unquote(uri.removeprefix("file://")))
    return path.relative_to(folder.absolute()).as_posix() if path.is_absolute() else path.as_posix()

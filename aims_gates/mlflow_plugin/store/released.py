"""Released copies: write-once folders named by their digest.

Staging copies a version's bytes beside the registry before anything is decided, so that setting an
alias copies nothing. An interrupted copy is taken up where it stopped; a finished one appears at
once, by rename, after its bytes were hashed.
"""

import os
import shutil
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aims_gates.documents.canonical import check_left_out, digest, folder_digest, manifest
from aims_gates.documents.files import locked, move_folder, replacing
from aims_gates.errors import InputError, IntegrityError
from aims_gates.mlflow_plugin.store.locations import Released

__all__ = ["leave_no_bytecode", "intact", "stage", "staged", "verify_staged"]

_FILE_MODE = 0o444
_FOLDER_MODE = 0o555
#: A stock MLflow load writes ``registered_model_meta`` into the root, so the root stays writable.
_ROOT_MODE = 0o755

Progress = Callable[[int, int], None]
#: Released copies that this process hashed, and how their files stood then.
_HASHED: dict[tuple[Path, str], list[tuple[str, int, int, int, int]]] = {}


def verify_staged(folder: Path, expected: str) -> None:
    """Hash a released copy.

    Raises:
        IntegrityError: its bytes are not those of its name.
    """
    check_left_out(folder)
    digest = folder_digest(folder)
    if digest != expected:
        raise IntegrityError(
            f"the released copy was altered: its digest is {digest}",
            where=str(folder),
            remedy=f"Move the folder away and stage again (aims-gates promote); expected {expected}.",
        )


def _standing(folder: Path) -> list[tuple[str, int, int, int, int]]:
    """Path, inode, size, and times in ns of everything in a folder; a write cannot leave the change time as it was."""
    entries = []
    for place, folders, files in os.walk(folder):
        for name in [*folders, *files]:
            path = Path(place) / name
            status = path.lstat()
            entries.append((str(path), status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns))
    return sorted(entries)


def intact(folder: Path, expected: str) -> None:
    """As :func:`verify_staged`, hashing only what changed since this process last did.

    Raises:
        IntegrityError: see :func:`verify_staged`.
    """
    standing = _standing(folder)
    if not standing or _HASHED.get((folder, expected)) != standing:
        verify_staged(folder, expected)
        _HASHED[folder, expected] = standing


def staged(root: Released, expected: str) -> Path | None:
    """The released copy with this digest, its bytes verified; None where nothing is staged.

    Raises:
        IntegrityError: see :func:`verify_staged`.
    """
    folder = root.copy(expected)
    if not folder.is_dir():
        return None
    verify_staged(folder, expected)
    return folder


def _copy_file(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with replacing(target, mode=_FILE_MODE) as part:
        shutil.copyfile(source, part, follow_symlinks=False)


def _remove_strays(partial: Path, rows: list[list[Any]]) -> None:
    """Remove what a crash left that is not of the model: a copy begun, read-only perhaps."""
    names = {partial / row[0] for row in rows}
    for path in [path for path in partial.rglob("*") if not path.is_dir() and path not in names]:
        path.unlink()


def _copy_missing(source: Path, partial: Path, rows: list[list[Any]], progress: Progress | None) -> None:
    """Copy what is not there yet; what is there with the right size is checked by the hash at the end."""
    total, done = sum(row[1] for row in rows), 0
    for name, size, _ in rows:
        target = partial / name
        if not (target.is_file() and not target.is_symlink() and target.stat().st_size == size):
            _copy_file(source / name, target)
        done += size
        if progress is not None:
            progress(done, total)


def leave_no_bytecode() -> None:
    """Keep this process from writing bytecode: beside a released model's code it would count as an added file."""
    sys.dont_write_bytecode = True


def _seal(folder: Path) -> None:
    """Make the copy read-only; where it holds code, with a folder in which nobody can leave bytecode."""
    for place, folders, files in os.walk(folder):
        if any(name.endswith(".py") for name in files) and "__pycache__" not in folders:
            (Path(place) / "__pycache__").mkdir()
            folders.append("__pycache__")
        for name in folders:
            (Path(place) / name).chmod(_FOLDER_MODE)
    folder.chmod(_ROOT_MODE)


def _remove_tree(folder: Path) -> None:
    """Remove a copy although its folders are read-only."""
    for place, _, _ in os.walk(folder):
        Path(place).chmod(stat.S_IRWXU)
    shutil.rmtree(folder)


def stage(source: Path, root: Released, progress: Progress | None = None) -> str:
    """Copy a model folder into the released root, once.

    Args:
        source: The model's folder; read in place, ``registered_model_meta`` in its root is left out.
        root: Where released copies go.
        progress: Told the bytes done and the bytes in all, after each file.

    Returns:
        The digest of the copy, which is that of the source.

    Raises:
        IntegrityError: the source holds a link or no file, changed while it was copied, or an
            existing copy was altered.
        InputError: the copy cannot be written.
    """
    rows = manifest(source)
    expected = digest(rows)
    final = root.copy(expected)
    try:
        root.folder.mkdir(parents=True, exist_ok=True)
        with locked(root.folder / ".lock"):
            if staged(root, expected) is None:
                _stage_new(source, root.folder / f".{final.name}.partial", final, rows, progress)
    except OSError as error:
        raise InputError(
            f"cannot write the released copy: {error}",
            where=str(root.folder),
            remedy="Make room or fix the permissions.",
        ) from error
    return expected


def _stage_new(source: Path, partial: Path, final: Path, rows: list[list[Any]], progress: Progress | None) -> None:
    partial.mkdir(exist_ok=True)
    _remove_strays(partial, rows)
    _copy_missing(source, partial, rows, progress)
    if manifest(partial, leave_out=()) != rows:
        _remove_tree(partial)
        raise IntegrityError(
            "the model changed while it was copied", where=str(source), remedy="Stage again when nothing writes to it."
        )
    _seal(partial)
    move_folder(partial, final)

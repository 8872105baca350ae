"""How this package writes files: whole or not at all, new or not at all, and one writer at a time.

No other module replaces, syncs or locks a file by hand (``tests/documents/test_files.py`` looks).
"""

import errno
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from aims_gates.errors import InputError

__all__ = ["locked", "move_folder", "replacing", "write_new", "write_whole"]

_REMEDY = "Choose another place."


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except FileNotFoundError:
        return None


@contextmanager
def replacing(path: Path, *, mode: int | None = None) -> Iterator[Path]:
    """Give a temporary file beside a path to write to; once that is done without an error, it becomes the path's file.

    Until then, and after an error or a kill, the old file is there as it was; an error leaves no temporary file. What
    is in place was synced to the disk. Of a link, the file that it leads to is replaced and the link stays. A pipe or
    a device (``/dev/stdout``) cannot be replaced: the path itself is given.

    Args:
        path: The file, in a folder that is there.
        mode: Its permissions; by default those of the old file, of a new one what the umask leaves of 0o666.

    Raises:
        OSError: it cannot be written.
    """
    status = _status(path)
    if status is not None and stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if status is not None and not stat.S_ISREG(status.st_mode):
        yield path
        return
    permissions = stat.S_IMODE(status.st_mode) if mode is None and status is not None else mode
    target = Path(os.path.realpath(path))
    part = target.with_name(f".{secrets.token_hex(8)}.aims-part")
    os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666 if permissions is None else 0o600))
    try:
        yield part
        with part.open("rb+") as file:
            if permissions is not None:
                part.chmod(permissions)
            os.fsync(file.fileno())
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    _sync_folder(target.parent)


def _sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    if os.name == "nt":  # a folder cannot be opened there, and its renames are durable
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def move_folder(source: Path, target: Path) -> None:
    """Give a folder its new name on the same file system, durably.

    Raises:
        OSError: it cannot be moved, or a folder with files is there already.
    """
    source.rename(target)
    _sync_folder(target.parent)


def write_whole(
    path: Path, content: bytes | str, *, mode: int | None = None, parents: bool = False, remedy: str = _REMEDY
) -> Path:
    """Write a file as :func:`replacing` does; text as UTF-8, its line ends as they are.

    Args:
        path: The file.
        content: All of it.
        mode: As :func:`replacing`.
        parents: Make the folders that are not there.
        remedy: What the user can do where it cannot be written.

    Raises:
        InputError: it cannot be written there.
    """
    try:
        if parents:
            path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path, mode=mode) as part:
            part.write_bytes(_bytes(content))
    except OSError as error:
        raise _unwritable(path, error, remedy) from error
    return path


def write_new(path: Path, content: bytes | str, *, mode: int = 0o666, remedy: str = _REMEDY) -> Path:
    """Write a file that is not there, with the folders that it needs; an existing file or link is never touched.

    Args:
        path: The file.
        content: All of it; an error leaves nothing, a kill in the middle leaves its beginning.
        mode: Its permissions, of which the umask takes its part.
        remedy: What the user can do where it cannot be written.

    Raises:
        InputError: something is there already, or it cannot be written there.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(_bytes(content))
                file.flush()
                os.fsync(file.fileno())
        except OSError:
            path.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise _unwritable(path, error, remedy) from error
    return path


def _bytes(content: bytes | str) -> bytes:
    return content.encode("utf-8") if isinstance(content, str) else content


def _unwritable(path: Path, error: OSError, remedy: str) -> InputError:
    return InputError(f"cannot be written: {error.strerror or error}", where=str(path), remedy=remedy)


@contextmanager
def locked(path: Path, *, mode: int = 0o644) -> Iterator[None]:
    """One process and thread at a time, of all on this machine; a crash lets go of the lock.

    The lock file stays: removing it would make two locks.

    Args:
        path: The lock file, in a folder that is there.
        mode: Its permissions where it is new.

    Raises:
        OSError: the folder is not there, or the lock file cannot be opened.
    """
    from filelock import FileLock

    path.parent.stat()  # FileLock would make the folder
    with FileLock(path, mode=mode):
        yield

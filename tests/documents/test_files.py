"""Files are written whole or not at all, new or not at all, and by one writer at a time; no other module does it."""

import ast
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from aims_gates.documents.files import locked, move_folder, replacing, write_new, write_whole
from aims_gates.errors import InputError
from tests.support import file_size_limit

KERNEL = Path(__file__).resolve().parents[2] / "aims_gates"
#: The module that does it, and one that replaces nodes of a syntax tree.
EXEMPT = {"documents/files.py", "data/_spark/dialect.py"}
#: What is written in scratch folders and in folders that appear at once, by rename: nobody reads a part of it.
SCRATCH = {
    "data/_duckdb/probe.py",
    "mlflow_plugin/client/model_process.py",
    "mlflow_plugin/client/packages.py",
    "mlflow_plugin/client/runlog.py",
    "mlflow_plugin/store/released_remote.py",
}


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@contextmanager
def umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


def test_a_file_is_written_with_its_text_as_it_is(tmp_path: Path) -> None:
    path = write_whole(tmp_path / "new" / "a.txt", "zürich\r\n", parents=True)
    assert path.read_bytes() == "zürich\r\n".encode()
    assert names(path.parent) == ["a.txt"]


def test_a_writer_killed_in_the_middle_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "grant.json"
    path.write_text("old")
    code = (
        "import os, pathlib, signal\n"
        "from aims_gates.documents.files import replacing\n"
        f"with replacing(pathlib.Path({str(path)!r})) as part:\n"
        "    part.write_text('ne')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    killed = subprocess.run([sys.executable, "-c", code], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert path.read_text() == "old"
    assert write_whole(path, "new").read_text() == "new", "what the killed writer left is in nobody's way"


def test_a_full_disk_leaves_the_old_file_and_no_temporary_one(tmp_path: Path) -> None:
    path = write_whole(tmp_path / "grant.json", "old")
    with file_size_limit(1_000), pytest.raises(InputError, match="cannot be written: File too large") as caught:
        write_whole(path, "x" * 10_000, remedy="Make room.")
    assert path.read_text() == "old" and names(tmp_path) == ["grant.json"]
    assert (caught.value.where, caught.value.remedy) == (str(path), "Make room.")


def test_an_error_while_writing_leaves_the_old_file_and_no_temporary_one(tmp_path: Path) -> None:
    path = write_whole(tmp_path / "a.txt", "old")
    with pytest.raises(ZeroDivisionError), replacing(path) as part:
        part.write_text("new")
        raise ZeroDivisionError
    assert path.read_text() == "old" and names(tmp_path) == ["a.txt"]


def test_permissions_are_kept_or_those_named_or_what_the_umask_leaves(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    with umask(0o027):
        assert mode_of(write_whole(path, "1")) == 0o640
        path.chmod(0o600)
        assert mode_of(write_whole(path, "2")) == 0o600
        assert mode_of(write_whole(path, "3", mode=0o444)) == 0o444
        assert mode_of(write_new(tmp_path / "b.key", "4", mode=0o600)) == 0o600


def test_a_secret_is_never_readable_by_others_while_it_is_written(tmp_path: Path) -> None:
    path = write_new(tmp_path / "a.key", "1", mode=0o600)
    with umask(0), replacing(path) as part:
        assert mode_of(part) == 0o600


def test_the_file_that_a_link_leads_to_is_replaced_and_the_link_stays(tmp_path: Path) -> None:
    target = write_whole(tmp_path / "there" / "target", "old", parents=True)
    link = tmp_path / "link"
    link.symlink_to(target)
    write_whole(link, "new")
    assert link.is_symlink() and target.read_text() == "new"
    (dangling := tmp_path / "dangling").symlink_to(tmp_path / "there" / "new")
    write_whole(dangling, "new")
    assert dangling.is_symlink() and (tmp_path / "there" / "new").read_text() == "new"
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(InputError, match="cannot be written"):
        write_whole(tmp_path / "loop", "new")
    assert names(tmp_path) == ["dangling", "link", "loop", "there"] and names(target.parent) == ["new", "target"]


def test_a_pipe_or_a_device_is_written_to_and_a_folder_is_not(tmp_path: Path) -> None:
    code = (
        "from pathlib import Path; from aims_gates.documents.files import write_whole;"
        "write_whole(Path('/dev/stdout'), 'out'); write_whole(Path('/dev/null'), 'gone')"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "out" and stat.S_ISCHR(Path(os.devnull).stat().st_mode)
    with pytest.raises(InputError, match="cannot be written: Is a directory"):
        write_whole(tmp_path, "x")
    with pytest.raises(InputError, match="cannot be written: No such file"):
        write_whole(tmp_path / "nowhere" / "a.txt", "x")
    assert names(tmp_path) == []


def test_what_is_there_is_never_written_as_new(tmp_path: Path) -> None:
    path = write_new(tmp_path / "records" / "a.yaml", "old")
    with pytest.raises(InputError, match="cannot be written: File exists"):
        write_new(path, "new")
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InputError, match="cannot be written: File exists"):
        write_new(tmp_path / "link", "new")
    assert path.read_text() == "old" and not (tmp_path / "elsewhere").exists()


def test_a_new_file_that_does_not_fit_leaves_nothing(tmp_path: Path) -> None:
    with file_size_limit(1_000), pytest.raises(InputError, match="cannot be written"):
        write_new(tmp_path / "a.key", "x" * 10_000)
    assert names(tmp_path) == []


def test_one_writer_at_a_time_holds_a_lock(tmp_path: Path) -> None:
    events: list[str] = []

    def write(name: str) -> None:
        with locked(tmp_path / ".lock", mode=0o600):
            events.append(f"{name} in")
            time.sleep(0.05)
            events.append(f"{name} out")

    threads = [threading.Thread(target=write, args=(name,)) for name in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(events[place].split()[0] == events[place + 1].split()[0] for place in (0, 2, 4)), events
    assert mode_of(tmp_path / ".lock") == 0o600


def test_a_lock_makes_no_folder(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), locked(tmp_path / "nowhere" / ".lock"):
        pass
    assert names(tmp_path) == []


def test_a_folder_is_never_moved_onto_another_with_files(tmp_path: Path) -> None:
    write_new(tmp_path / "a" / "file", "a")
    write_new(tmp_path / "b" / "file", "b")
    with pytest.raises(OSError, match="not empty"):
        move_folder(tmp_path / "a", tmp_path / "b")
    move_folder(tmp_path / "a", tmp_path / "c")
    assert names(tmp_path) == ["b", "c"]


def by_hand(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Calls and imports that replace, sync or lock a file, or make one that must be new."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom | ast.Import):
            text = ast.unparse(node)
            if any(name in text for name in ("filelock", "fcntl", "mkstemp", "NamedTemporaryFile")):
                yield node.lineno, text
        if isinstance(node, ast.Attribute) and ast.unparse(node) in (
            *("os.replace", "os.rename", "os.fsync", "os.O_EXCL", "os.O_CREAT"),
            *("tempfile.mkstemp", "tempfile.NamedTemporaryFile", "shutil.move"),
        ):
            yield node.lineno, ast.unparse(node)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            moves = node.func.attr == "rename" or (node.func.attr == "replace" and len(node.args) == 1)
            if moves and not node.keywords:
                yield node.lineno, ast.unparse(node)


def written(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Calls that write a file in place."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in ("write_text", "write_bytes"):
            yield node.lineno, ast.unparse(node)


def test_no_other_module_writes_files_by_hand() -> None:
    calls = []
    for path in sorted(KERNEL.rglob("*.py")):
        name, tree = path.relative_to(KERNEL).as_posix(), ast.parse(path.read_text(encoding="utf-8"))
        if name not in EXEMPT:
            calls += [f"{name}:{line}: {text}" for line, text in by_hand(tree)]
        if name not in EXEMPT | SCRATCH:
            calls += [f"{name}:{line}: {text}" for line, text in written(tree)]
    assert calls == [], "use aims_gates.documents.files"

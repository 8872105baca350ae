"""Released copies in an object store: written through MLflow's artifact repository, each with its manifest beside it.

A copy's files lie under ``DIGEST/`` and its manifest in ``manifests/DIGEST.json``. The digest of a copy is that of its
manifest, so the manifest proves itself. It is written last, after what was written had been read back and hashed; a
copy without one is not staged, and is written again.

What is listed is compared before a promotion, but not read again: whoever may write to the bucket may change it
afterwards. The bucket's own policy refuses that (docs/server-setup.md), ``load_model`` hashes what it downloads, and
``ledger reconcile`` reads it all.
"""

# mypy: allow-untyped-calls

import posixpath
import tempfile
from pathlib import Path
from typing import Any

from aims_gates.documents.canonical import canonical_bytes, digest, folder_digest, manifest
from aims_gates.documents.strict_yaml import read_json
from aims_gates.errors import AimsGatesError, InputError, IntegrityError
from aims_gates.mlflow_plugin.internals.store import stock_repository
from aims_gates.mlflow_plugin.store.locations import Bucket, Released
from aims_gates.mlflow_plugin.store.released import Progress, stage, staged

__all__ = ["holds", "put"]

_MANIFESTS = "manifests"


def holds(root: Bucket, expected: str) -> bool:
    """Whether a copy with this digest is staged: its bytes hashed in a folder, its files listed in an object store.

    Raises:
        IntegrityError: what is there is not what was staged.
        InputError: the object store does not answer.
    """
    if isinstance(root, Released):
        return staged(root, expected) is not None
    try:
        rows = _manifest(root, expected)
        if rows is None:
            return False
        there = dict(_listed(stock_repository(root.location(expected))))
    except AimsGatesError:
        raise
    except Exception as error:
        raise _silent(root, error) from error
    if there != {row[0]: row[1] for row in rows}:
        raise IntegrityError(
            "the released copy was altered: its files are not those of its manifest",
            where=root.location(expected),
            remedy="Look at who may write to the bucket, move the copy away, and stage again (aims-gates promote).",
        )
    return True


def put(source: Path, root: Bucket, progress: Progress | None = None) -> str:
    """Copy a model folder into the released root, once; gives its digest.

    Args:
        source: The model's folder.
        root: Where released copies go.
        progress: Told the bytes done and the bytes in all, after each file.

    Raises:
        IntegrityError: the source holds a link or no file, changed meanwhile, or an existing copy was altered.
        InputError: the copy cannot be written.
    """
    if isinstance(root, Released):
        return stage(source, root, progress)
    rows = manifest(source)
    expected = digest(rows)
    if holds(root, expected):
        return expected
    try:
        _write(source, root, expected, rows, progress)
    except AimsGatesError:
        raise
    except Exception as error:
        raise _silent(root, error) from error
    return expected


def _write(source: Path, root: Bucket, expected: str, rows: list[list[Any]], progress: Progress | None) -> None:
    copy, total, done = stock_repository(root.location(expected)), sum(row[1] for row in rows), 0
    for name, size, _ in rows:
        copy.log_artifact(str(source / name), posixpath.dirname(name) or None)
        done += size
        if progress is not None:
            progress(done, total)
    with tempfile.TemporaryDirectory(prefix="aims-") as place:
        back = Path(copy.download_artifacts("", place))
        if folder_digest(back) != expected:
            raise IntegrityError(
                "what the object store holds is not what was written",
                where=root.location(expected),
                remedy="Stage again when nothing writes to the model; else look at who may write to the bucket.",
            )
        path = Path(place) / f"{expected.removeprefix('sha256:')}.json"
        path.write_bytes(canonical_bytes(rows))
        stock_repository(root.address).log_artifact(str(path), _MANIFESTS)


def _manifest(root: Bucket, expected: str) -> list[list[Any]] | None:
    """The manifest of a staged copy; None where there is none."""
    name = f"{_MANIFESTS}/{expected.removeprefix('sha256:')}.json"
    repository = stock_repository(root.address)
    if name not in {artifact.path for artifact in repository.list_artifacts(_MANIFESTS)}:
        return None
    with tempfile.TemporaryDirectory(prefix="aims-") as place:
        rows = read_json(Path(repository.download_artifacts(name, place)).read_bytes(), f"{root.address}/{name}").value
    if digest(rows) != expected:
        raise IntegrityError("a manifest was altered", where=f"{root.address}/{name}", remedy="Move it away.")
    return rows  # type: ignore[no-any-return]


def _listed(repository: Any, path: str | None = None) -> Any:
    """Path and size of every object."""
    for artifact in repository.list_artifacts(path):
        if artifact.is_dir:
            yield from _listed(repository, artifact.path)
        else:
            yield artifact.path, artifact.file_size


def _silent(root: Bucket, error: Exception) -> InputError:
    remedy = "Check the address, its credentials and the bucket's policy; then stage again."
    return InputError(f"the object store for released copies failed: {error}", where=root.address, remedy=remedy)

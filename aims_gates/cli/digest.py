"""``aims-gates digest``: the digest under which a file, a model folder or a data set is known."""

from pathlib import Path

import click

from aims_gates.canonical import digest_file, folder_digest
from aims_gates.errors import InputError

__all__ = ["command"]


@click.command()
@click.argument("path", type=click.Path(path_type=Path))
def command(path: Path) -> None:
    """Print the digest of a file's bytes, or of a model folder's manifest."""
    if path.is_dir():
        if not (path / "MLmodel").exists():
            from aims_gates.measure import Dataset

            click.echo(Dataset.open(path, role="data").digest)
            return
        click.echo(folder_digest(path))
        return
    if not path.is_file():
        raise InputError("no such file or folder", where=str(path), remedy="Check the path.")
    click.echo(digest_file(path))

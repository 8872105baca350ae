"""``aims-gates digest``: the digest under which a file, a model folder or a data set is known."""

from pathlib import Path

import click

from aims_gates.documents.canonical import digest_file, folder_digest
from aims_gates.errors import InputError

__all__ = ["command"]


@click.command()
@click.argument("source", metavar="PATH")
def command(source: str) -> None:
    """Print the digest of a model's folder, a file, or a data set (a folder or glob of files, a database table).

    Two ways to write one data set give one digest: it is what evidence and requirements.yaml name.
    """
    path = Path(source)
    if (path / "MLmodel").is_file():
        click.echo(folder_digest(path))
    elif path.is_file():
        click.echo(digest_file(path))
    elif path.is_dir() or "://" in source or set(source) & set("*?["):
        from aims_gates.data import Dataset

        click.echo(Dataset.open(source, role="data").digest)
    else:
        raise InputError("no such file or folder", where=source, remedy="Check the path.")

"""``aims-gates records refresh``: the facts of a version, written anew from the data sets."""

import click

from aims_gates.cli.options import as_json, emit, settings_options
from aims_gates.documents.files import write_whole
from aims_gates.errors import InputError
from aims_gates.governance.records.reader import find_system, read_system
from aims_gates.settings import Settings

__all__ = ["refresh"]


@click.command()
@click.argument("system")
@settings_options
@as_json
def refresh(system: str, settings: Settings, json_: bool) -> None:
    """Write the digests of changed data sets anew wherever records of SYSTEM state them as facts of a version.

    A data set is known by its sheet: the entry of datasheets.yaml that goes by the name of its role in system.yaml.
    Facts of a version are approved with its request, so no text has to be approved again. The rest that a new version
    moves (its period, the change) is written by hand; the evaluation set that requirements.yaml fixes stays.
    """
    from aims_gates.data import Dataset
    from aims_gates.governance.records.refresh import moved, refreshed

    record = read_system(find_system(list(settings.packs), system), system)
    places = {role: record.location(role) for role in record.system.data}
    digests = {role: Dataset.open(place, role=role).digest for role, place in places.items() if place is not None}
    changes = moved(record, digests)
    files = list(refreshed(record.folder, changes))
    if changes and not files:
        raise InputError("no record states the digest as a fact", where=str(record.folder), remedy="Write it there.")
    for path, text in files:
        write_whole(path, text)
    written = [path.relative_to(record.pack).as_posix() for path, _ in files]
    rows = {"digests": changes, "files": written}
    lines = [f"{before[7:19]} is now {now[7:19]}" for before, now in changes.items()]
    emit(rows, json_, lambda: "\n".join([*lines, *written]) or "every data set is the one on its sheet")

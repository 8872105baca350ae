"""A pack started from what is known of a model: what a person has not confirmed is written as proposed, and says so."""

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from aims_gates.data import Dataset
from aims_gates.data.propose import propose_schema, schema_yaml
from aims_gates.documents.files import write_new
from aims_gates.documents.shell import quoted
from aims_gates.documents.strict_yaml import read
from aims_gates.errors import InputError
from aims_gates.governance.records.reader import BLANK, SCHEMA, system_names
from aims_gates.setup.known import Known

__all__ = ["TODO", "UNCONFIRMED", "PackDraft", "files_of", "own_system", "system_name", "write_pack"]

#: With this begins a text that is still to be written; no gate takes it for one.
TODO = "TODO"
_HEAD = """\
# One AI system, started from what MLflow knows of a model. What it leaves out: records/organization/defaults.yaml.
"""
_AIMS = """\
# Settings of the aims-gates commands in this folder; paths are relative to this file.
packs: [.]
registry: {registry}
tracking: {tracking}
"""
#: Stands above the fields that are proposed.
UNCONFIRMED = """\
# Nobody has confirmed these yet: they serve a trial and no other profile. What is right is taken out of here, by hand
# or by answers: run aims-gates start again on a terminal.
"""
_REQUIREMENTS = """\
# Fixed before training: what the model must reach, and the set that it is judged on. The digest is of that set as it
# lay here at the start. Whoever decides writes the rest, before the next model is trained.
decided_on: {today}
decided_by: "{blank}: the role or person who fixes it"
evaluation:
  file: {file}
  digest: {digest}
users: ["{blank}: who works with it"]
metrics: ["{blank}: the measures that decide, and why these"]
limits:
  performance: "{blank}: how good is good enough to be relied on?"
  data: "{blank}: which data may it see, how old, how complete?"
  fairness: "{blank}: how far may groups of people lie apart?"
  robustness: "{blank}: what must small errors in its input not change?"
"""


@dataclass(frozen=True)
class PackDraft:
    """What a pack is written from.

    Attributes:
        known: What was found out.
        name: The system's name.
        train, data: The data sets, as they were named on the command line.
        owner: Who is proposed to answer for it.
        registry, tracking: Addresses for aims.yaml.
        suite: Expectations drafted from the training set.
        tier: The tier that was named; None where one is proposed.
        solo: Whether one person tries it alone.
    """

    known: Known
    name: str
    train: str
    data: str
    owner: str
    registry: str
    tracking: str
    suite: Mapping[str, Any]
    tier: Literal["minimal", "limited", "high"] | None = None
    solo: bool = False


def system_name(model: str) -> str:
    """A system's name for a registered model: small letters, digits, - and _.

    Raises:
        InputError: nothing of it can stand in one.
    """
    name = "".join(
        letter if (letter.isascii() and letter.isalnum()) or letter in "-_" else "-" for letter in model.lower()
    )
    name = name.strip("-_0123456789")
    if not name or name in ("true", "false", "null", "standard"):
        remedy = "Register it under a name with letters, or write the system yourself: aims-gates init --system NAME"
        raise InputError(f"no system can be called after {model!r}", where="--model", remedy=remedy)
    return name


def own_system(folder: Path, model: str) -> str | None:
    """The system of this model that was started in this folder; None where nothing is there yet.

    Raises:
        InputError: the folder has a pack in which this model is not.
    """
    names = system_names(folder)
    for name in names:
        value = read(folder / "records" / "systems" / name / "system.yaml").value
        if isinstance(value, dict) and model in (value.get("models") or ()):
            return name
    taken = next((path for path in (folder / "aims.yaml", folder / "records") if path.exists()), None)
    if taken is not None:
        remedy = f"Start it in another folder; or add it here: aims-gates init --system {quoted(system_name(model))}"
        raise InputError(
            f"a pack is here already, and the model {model!r} is not in it", where=str(taken), remedy=remedy
        )
    return None


def files_of(draft: PackDraft, folder: Path) -> dict[str, str]:
    """The files of a new pack, by their paths from its root; each place that they name is there."""
    system = f"records/systems/{draft.name}"
    schemas = _schemas(draft, folder)
    files = {
        "aims.yaml": _AIMS.format(registry=draft.registry, tracking=draft.tracking)
        + ("key: keys/solo.key\n" if draft.solo else ""),
        "records/organization/defaults.yaml": "# Defaults for every system of the organization.\nworkspace: default\n",
        f"{system}/system.yaml": _system(draft, folder, list(schemas)),
        f"{system}/suite.json": json.dumps(draft.suite, indent=1, ensure_ascii=False, allow_nan=False) + "\n",
        **{f"{system}/{role}{SCHEMA}": text for role, text in schemas.items()},
    }
    if not draft.solo:
        return files
    return files | {f"{system}/requirements.yaml": _requirements(draft, folder), "keys/.gitignore": "*.key\n"}


def _requirements(draft: PackDraft, folder: Path) -> str:
    """What is to be thought about before the next model, and the evaluation set as it is today."""
    return _REQUIREMENTS.format(
        today=f"{datetime.now(UTC):%Y-%m-%d}",
        blank=TODO,
        file=json.dumps(_place(draft.data, folder), ensure_ascii=False),
        digest=Dataset.open(draft.data, role="evaluation").digest,
    )


def _schemas(draft: PackDraft, folder: Path) -> dict[str, str]:
    """A proposed schema of each set, by role; for one person's trial only those that leave nothing to be decided."""
    places = {"evaluation": draft.data, "reference": draft.train}
    proposals = {role: propose_schema([place]) for role, place in places.items()}
    return {
        role: schema_yaml(proposal, [_place(places[role], folder)])
        for role, proposal in proposals.items()
        if not (draft.solo and proposal.open)
    }


def _system(draft: PackDraft, folder: Path, declared: Sequence[str]) -> str:
    known = draft.known
    lines = [_HEAD, *(f"# MLflow says: {line}\n" for line in known.declared)]
    lines += [f"# Read here: {line}\n" for line in known.measured]
    lines += [
        f"# {name} is a quantity: to compare its groups, add a column of bands to the data.\n"
        for name in known.quantities
    ]
    lines += [
        f"{key}: {json.dumps(part, ensure_ascii=False)}\n" for key, part in _fields(draft, folder, declared).items()
    ]
    return "".join([*lines, UNCONFIRMED, f"proposed: {json.dumps(_proposed(draft))}\n"])


def _fields(draft: PackDraft, folder: Path, declared: Sequence[str]) -> dict[str, Any]:
    known, groups = draft.known, _groups(draft.known)
    blank = TODO if draft.solo else f"{BLANK} <{draft.name}.purpose>"
    roles = {"target": known.truth.value[0], "sensitive": groups, "prediction": known.prediction}
    return {
        "name": draft.name,
        "title": known.model.replace("-", " ").replace("_", " ").capitalize(),
        # A trial runs with what is still to be written; under any other profile it is refused with its line.
        "purpose": f"{blank}: say what it is for, for whom, and what is decided with it.",
        "owner": draft.owner if draft.solo else f"{BLANK} <system_owner>, proposed: {draft.owner}",
        "tier": draft.tier or "limited",
        **({"profile": "starter-solo"} if draft.solo else {}),
        "models": [known.model],
        "data": {"evaluation": _place(draft.data, folder), "reference": _place(draft.train, folder)},
        **({"schema": {role: {"file": f"{role}{SCHEMA}"} for role in declared}} if declared else {}),
        "roles": {role: columns for role, columns in roles.items() if columns},
        "facts": {"affects_people": bool(known.sensitive.value), "generative": False},
        "gates": {"data_quality": {"suite": {"file": "suite.json"}}, **_positives(known)},
    }


def _groups(known: Known) -> list[str]:
    """The sensitive columns whose values are groups."""
    return [name for name in known.sensitive.value if name not in known.quantities]


def _proposed(draft: PackDraft) -> list[str]:
    """The fields that nobody named."""
    known = draft.known
    sources = {"roles.target": known.truth, "facts.affects_people": known.sensitive}
    sources |= {"roles.sensitive": known.sensitive} if _groups(known) else {}
    if known.positive.value:
        sources |= {f"gates.{gate}.positive": known.positive for gate in _positives(known)}
    fields = [field for field, proposal in sources.items() if proposal.source != "named"]
    return [*(["purpose", "owner"] if draft.solo else []), *([] if draft.tier else ["tier"]), *fields]


def _positives(known: Known) -> dict[str, Any]:
    """The favourable label where gates must be told; of more classes than two, fairness looks at each."""
    label = next(iter(known.positive.value), None)
    if label is not None and str(label) not in ("1", "True"):
        return {gate: {"positive": label} for gate in ("performance", "fairness")}
    return {"fairness": {"positive": list(known.labels)}} if len(known.labels) > 2 else {}


def _place(place: str, folder: Path) -> str:
    """A location as system.yaml has it: from the pack's root where it lies in it."""
    if "://" in place:
        return place
    path = Path(place).absolute()
    return path.relative_to(folder.absolute()).as_posix() if path.is_relative_to(folder.absolute()) else str(path)


@contextmanager
def write_pack(folder: Path, files: Mapping[str, str]) -> Iterator[list[Path]]:
    """Write a pack's files; where one of them, or what is done inside, fails, nothing stays in its new folders.

    Raises:
        InputError: something is there already, or cannot be written.
    """
    written: list[Path] = []
    new_folders = [path for path in _folders(folder, files) if not path.exists()]
    try:
        for path, text in files.items():
            written.append(write_new(folder / path, text))
        yield written
    except BaseException:
        for file in written:
            file.unlink(missing_ok=True)
        for place in new_folders:
            shutil.rmtree(place, ignore_errors=True)
        raise


def _folders(folder: Path, files: Mapping[str, str]) -> list[Path]:
    """The folders of these files, those around before those within."""
    return sorted({parent for path in files for parent in (folder / path).parents if folder in parent.parents})

"""Skeletons to fill in: the files of a new gate or profile, which work and let nothing through by themselves."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from aims_gates.documents.files import write_new
from aims_gates.errors import InputError

__all__ = ["computed_gate", "profile", "record_gate", "write_skeleton"]

_ID = re.compile(r"[a-z][a-z0-9_]*")
_PROFILE_ID = re.compile(r"[a-z][a-z0-9_-]*")

_HEAD = """\
# Every key is on the page docs/gate-yaml.md, and in: aims-gates schema gate
id: {id}
title: REPLACE with a few words
summary: REPLACE with what it looks at and what it decides.
controls: [{controls}]
"""

_COMPUTED = """\
phase: verification
kind: computed
subject: model
inputs:
  data: {evaluation: required}
parameters:
  limits: {type: object, summary: REPLACE with what a measure must be., default: {rows: {op: ">=", value: 1000}}}
expires_days: 90
"""

_CODE = '''\
"""REPLACE: what this gate computes, and by whose definition."""

from collections.abc import Iterator

from aims_gates import Case, Finding

__all__ = ["run"]


def run(case: Case) -> Iterator[Finding]:
    """REPLACE: the findings, with their units."""
    rows = case.dataset("evaluation").rows
    # With what you measure in place of this finding, the gate decides; until then it refuses whatever it is shown.
    yield Finding(
        "not_written",
        n=rows,
        outcome="error",
        note="this gate is a skeleton and measures nothing yet",
        remedy="Write run() in its gate.py.",
    )
'''

_COMPUTED_SAMPLE = """\
# Of this file make two: pass.yaml, which passes, and fail.yaml, which fails.
data:
  evaluation: {outcome: [1, 0, 1]}
outcome: error
findings:
  - {measure: not_written, outcome: error, n: 3}
"""

_RECORD = """\
phase: organization
kind: record
subject: {subject}
inputs:
  records: {{{record}: optional}}
expires_days: 90
# With your own expression in place of false, the gate decides; until then it refuses whatever it is shown.
# Names and functions: aims_gates/packs/facts.py, aims_gates/packs/cel.py
facts:
  - id: not_written
    controls: [{controls}]
    record: {full}
    require: "false"
    says: REPLACE with what must be so
    remedy: Write the expression under require in its gate.yaml.
"""

_RECORD_SAMPLE = """\
# Of this file make two: pass.yaml, which passes, and fail.yaml, which fails.
records:
  system: {{name: example, tier: high, facts: {{}}}}
  {record}: {{version: '1'}}
outcome: fail
findings:
  - {{measure: not_written, outcome: fail}}
"""

_PROFILE = """\
# What differs from {parent}; it may tighten, and loosens nothing without a reason.
id: {id}
title: REPLACE with a few words
tier: {tier}
extends: {parent}
summary: REPLACE with which systems it is for.
controls: {{}}
# A.7.4:
#   why: REPLACE with what goes wrong without it
#   gates: [data_quality]
gates: {{}}
# data_quality: {{expires_days: 60}}
"""

_PROFILE_TESTS = """\
# Cases that this profile must let through or refuse; run by: aims-gates profile test {id}
- name: everything is met
  expect: allow
  controls: []
"""


def computed_gate(gate_id: str, controls: Sequence[str]) -> Mapping[str, str]:
    """The files of a gate that computes, by path in its pack.

    Raises:
        InputError: it cannot be a gate's id.
    """
    folder = _gate_folder(gate_id)
    return {
        f"{folder}/gate.yaml": _HEAD.format(id=gate_id, controls=_listed(controls)) + _COMPUTED,
        f"{folder}/gate.py": _CODE,
        f"{folder}/samples/skeleton.yaml": _COMPUTED_SAMPLE,
    }


def record_gate(gate_id: str, controls: Sequence[str], record: str) -> Mapping[str, str]:
    """The files of a gate that reads a record (its full name), by path in its pack.

    Raises:
        InputError: it cannot be a gate's id.
    """
    folder, short = _gate_folder(gate_id), record.removeprefix("system/")
    subject = "organization" if record.startswith("organization/") else "system"
    manifest = _HEAD + _RECORD
    return {
        f"{folder}/gate.yaml": manifest.format(
            id=gate_id, controls=_listed(controls), record=short, full=record, subject=subject
        ),
        f"{folder}/samples/skeleton.yaml": _RECORD_SAMPLE.format(record=short),
    }


def profile(profile_id: str, parent: str, tier: str) -> Mapping[str, str]:
    """The files of a profile that extends another, by path in its pack.

    Raises:
        InputError: it cannot be a profile's id.
    """
    if not _PROFILE_ID.fullmatch(profile_id):
        remedy = "Begin with a small letter; then small letters, digits, - and _."
        raise InputError(f"{profile_id!r} cannot be a profile's id", remedy=remedy)
    return {
        f"profiles/{profile_id}.yaml": _PROFILE.format(id=profile_id, parent=parent, tier=tier),
        f"profiles/{profile_id}.tests.yaml": _PROFILE_TESTS.format(id=profile_id),
    }


def write_skeleton(pack: Path, files: Mapping[str, str]) -> list[Path]:
    """Write new files into a pack; where one of them is there already, none is written.

    Raises:
        InputError: a file is there already.
    """
    places = {pack / name: text for name, text in files.items()}
    taken = [place for place in places if place.exists()]
    if taken:
        where = ", ".join(map(str, taken))
        raise InputError("there is a file already, and nothing was written", where=where, remedy="Choose another id.")
    for place, text in places.items():
        write_new(place, text)
    return list(places)


def _gate_folder(gate_id: str) -> str:
    if not _ID.fullmatch(gate_id):
        remedy = "Begin with a small letter; then small letters, digits and _."
        raise InputError(f"{gate_id!r} cannot be a gate's id", remedy=remedy)
    return f"gates/{gate_id}"


def _listed(controls: Sequence[str]) -> str:
    """Ids as a YAML list holds them: a clause such as 5.3 would be read as a number."""
    return ", ".join(control if control[0].isalpha() else f"'{control}'" for control in controls)

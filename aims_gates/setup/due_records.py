"""The records that a system's profile requires and that are not there: written in one go, what is known filled in."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

from aims_gates.data import Dataset
from aims_gates.documents.canonical import digest_file
from aims_gates.documents.files import write_new
from aims_gates.documents.shell import quoted
from aims_gates.documents.strict_yaml import read
from aims_gates.errors import InputError
from aims_gates.evaluation.plan import Planner
from aims_gates.governance.controls import catalogue
from aims_gates.governance.record_schemas.card import CARD, card_shape
from aims_gates.governance.records.known import known_from_records
from aims_gates.governance.records.reader import BLANK, SystemRecord, read_draft, record_files
from aims_gates.governance.records.skeleton import KINDS, blank, owner_role, skeleton
from aims_gates.model import Plan, Step

__all__ = ["DueRecord", "card_skeleton", "known_values", "required_records", "write_due"]

Tier = Literal["high", "limited", "minimal"]
_LOCKS = ("requirements.lock", "uv.lock", "poetry.lock", "pylock.toml", "requirements.txt")
#: A data set's role, and its purpose as a data sheet says it.
_PURPOSES = {"reference": "Training", "evaluation": "Evaluation"}
#: What is watched where the profile limits nothing of the kind; each limit is a proposal.
_CONVENTIONS = (
    {"group": "drift", "metric": "psi", "limit": "at most 0.2"},
    {"group": "reliability", "metric": "error_rate", "limit": "at most 0.01"},
)
_WAYS = {"<=": "at most", ">=": "at least", "<": "below", ">": "above", "==": "exactly"}
#: The gates whose limits are requirements of the kind that the gate is called.
_LIMITED = ("performance", "fairness", "drift")
#: What a system of tier high has to set itself where its profile limits nothing: what gates take by convention, as
#: proposals, and why.
_OWN: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "performance": {"balanced_accuracy": ("", "")},
    "leakage": {
        "row_overlap_share": ("at most 0", "What was learned by heart proves nothing when it is met again."),
        "single_feature_auc": ("below 0.99", "A column that foretells the answer alone was written after it."),
    },
    "drift": {
        "psi": ("at most 0.2", "What banks call a significant shift of a column."),
        "missing_increase": ("at most 0.05", "One field in twenty newly left empty is a form that changed."),
        "unseen_share": ("at most 0.05", "The model was not made for values that it never met."),
        "row_overlap_share": ("at most 0.05", "Rows of our own sets are none that users sent."),
        "drift_share": ("at most 0.5", "Where half of the columns have moved, the model was made for others."),
    },
    "security": {"attack_success_rate": ("at most 0.05", "One attack in twenty is the convention of the gate.")},
}


@dataclass(frozen=True)
class DueRecord:
    """A record that is required.

    Attributes:
        name: ``organization/X`` or ``system/X``.
        file: Where it is, or is to be.
        owner: The role that keeps it, by convention.
        gates: The gates that read it.
        written: It was written just now.
        command: The command that makes it, where it is not filled in by hand.
    """

    name: str
    file: Path
    owner: str
    gates: tuple[str, ...]
    written: bool = False
    command: str = ""


def required_records(plan: Plan, planner: Planner) -> Mapping[str, tuple[str, ...]]:
    """The records of which gates that apply require something, each with these gates, in the order of their schemas.

    A record that a gate only compares with another one, where it is there, is not required.
    """
    reading: dict[str, list[str]] = {}
    for step in plan.steps:
        for name in planner.gates[step.gate].manifest.reads if step.applies else ():
            reading.setdefault(name, []).append(step.gate)
    if "system/requirements" not in reading and plan.tier != "minimal":
        reading["system/requirements"] = []
    return {name: tuple(reading[name]) for name in (*KINDS, CARD, "system/classification") if name in reading}


def write_due(
    pack: Path,
    name: str,
    packs: Iterable[Path],
    today: date,
    *,
    tier: Tier | None = None,
    more: Mapping[str, Any] | None = None,
) -> list[DueRecord]:
    """Write every record that a system's profile requires and that is not there. No file that is there is touched.

    Args:
        pack: The pack that holds the system.
        name: The system; its own file may have placeholders.
        packs: All packs.
        today: The day from which proposed dates count.
        tier: The tier whose profile counts, where it is not to be the system's own.
        more: What is known besides, by key, such as ``system.algorithm`` from an MLflow run.

    Raises:
        InputError: the system, its profile or a record that is there cannot be read, or a file cannot be written.
    """
    draft = read_draft(pack, name)
    if tier is not None and tier != draft.system.tier:
        draft = replace(draft, system=draft.system.model_copy(update={"tier": tier, "profile": tier}))
    planner = Planner(packs)
    plan = planner.plan(draft)
    known = {**known_values(draft, plan), **(more or {})}
    due = []
    for record, gates in required_records(plan, planner).items():
        folder = draft.folder if record.startswith("system/") else pack / "records" / "organization"
        stem = record.split("/")[1]
        there = record_files(folder).get(stem)
        command = f"aims-gates classify --system {quoted(name)} --ask" if stem == "classification" else ""
        if there is None and not command:
            text = card_skeleton(known, today) if record == CARD else skeleton(record, known, today)
            file = write_new(folder / f"{stem}{'.md' if text.startswith('---') else '.yaml'}", text)
            due.append(DueRecord(record, file, owner_role(record), gates, written=True))
        else:
            place = there or folder / f"{stem}.yaml"
            due.append(DueRecord(record, place, owner_role(record), gates, command="" if there else command))
    return due


def card_skeleton(known: Mapping[str, Any], today: date) -> str:
    """The text of a new card.yaml: the parts of the model card that people write; see :func:`skeleton`."""
    return skeleton(CARD, known, today, fields=card_shape())


def known_values(draft: SystemRecord, plan: Plan) -> dict[str, Any]:
    """What nobody needs to be asked: from the system's file, other records, its profile, its data and this machine."""
    system = draft.system
    own: dict[str, Any] = {
        "system": system.name,
        "system.stated_tier": system.tier,
        **({} if "tier" in _unconfirmed(draft) else {"system.tier": system.tier}),
        "system.halt_route": f"aims-gates halt {quoted(system.models[0])}",
        "system.rollback_route": f"aims-gates rollback {quoted(system.models[0])} VERSION",
        **dict(_texts(draft)),
        **_columns(draft),
        **dict(_data(draft)),
        **_limits(plan),
        **dict(_versions()),
        "controls": [{"control": control, "why": _why(plan, control)} for control in catalogue()],
    }
    if system.facts.get("has_suppliers") is True:
        own["system.outside_services"] = ["service"]
    lock = next((draft.pack / lock for lock in _LOCKS if (draft.pack / lock).is_file()), None)
    if lock is not None:
        own["system.lock_digest"] = digest_file(lock)
    return {**known_from_records(draft.pack, system.name), **own}


def _texts(draft: SystemRecord) -> Iterator[tuple[str, str]]:
    """What people wrote into the system's file."""
    texts = {"purpose": ("system.purpose", draft.system.purpose), "owner": ("system_owner", draft.system.owner)}
    for field, (key, text) in texts.items():
        if not text.startswith(BLANK) and field not in _unconfirmed(draft):
            yield key, text


def _unconfirmed(draft: SystemRecord) -> frozenset[str]:
    """The fields of the system's file whose values are proposed and that nobody has confirmed."""
    fields = draft.document.value.get("proposed") or ()
    return frozenset(map(str, fields))


def _columns(draft: SystemRecord) -> Mapping[str, Any]:
    names = [name for name in draft.columns().get("sensitive", ()) if not name.startswith(BLANK)]
    if not names:
        return {}
    proposed = "roles.sensitive" in _unconfirmed(draft)
    return {
        "system.sensitive": [blank(proposal=name) if proposed else name for name in names],
        "system.factors": ", ".join(names),
    }


def _data(draft: SystemRecord) -> Iterator[tuple[str, Any]]:
    """The system's data sets and their digests."""
    sets = []
    for role, purpose in _PURPOSES.items():
        if role not in draft.system.data:
            continue
        key = f"system.data.{role}"
        digest = _digest(draft, role)
        yield key, draft.system.data[role]
        if digest:
            yield f"{key}.digest", digest
        shown = digest or blank(f"{draft.system.name}.data.{role}.digest")
        sets.append({"name": role, "digest": shown, "purpose": purpose})
    if sets:
        yield "system.datasets", sets


def _digest(draft: SystemRecord, role: str) -> str:
    """The digest of a data set; what requirements.yaml fixed for the held-out set; empty where neither is there."""
    fixed = record_files(draft.folder).get("requirements") if role == "evaluation" else None
    if fixed is not None:
        value = read(fixed).value
        stated = value.get("evaluation", {}).get("digest") if isinstance(value, dict) else None
        if isinstance(stated, str) and not stated.startswith(BLANK):
            return stated
    try:
        return Dataset.open(draft.location(role), role=role).digest
    except InputError:
        return ""


def _limits(plan: Plan) -> Mapping[str, Any]:
    """The measures that the plan limits, as requirements and as what is watched after release."""
    rows = [row for step in plan.steps if step.gate in (*_LIMITED, *_OWN) for row in _rows(step, plan)]
    texts: dict[str, list[str]] = {}
    for row in rows:
        words = f"{row['metric']} {row['words']}" if row["words"] else f"{row['metric']} as in thresholds"
        texts.setdefault(row["group"], []).append(words)
    known: dict[str, Any] = {f"system.limits.{kind}": "; ".join(parts) for kind, parts in texts.items()}
    watched = [row for row in rows if row["group"] in ("performance", "fairness")]
    groups = {row["group"] for row in watched}
    conventions = [{**row, "limit": blank(proposal=row["limit"])} for row in _CONVENTIONS if row["group"] not in groups]
    known["system.thresholds"] = rows
    known["system.monitored"] = [*watched, *conventions]
    if decisive := [row["metric"] for row in watched]:
        known |= {"system.metrics": decisive, "system.metrics_text": ", ".join(decisive)}
    return known


def _rows(step: Step, plan: Plan) -> Iterator[dict[str, str]]:
    """The limits of a gate: measure, limit and reason; at tier high people say which, and why it is that one."""
    limits = step.params.get("limits")
    rows = {
        measure: f"{_WAYS.get(limit['op'], limit['op'])} {limit['value']}"
        for measure, limit in (limits.items() if isinstance(limits, Mapping) else ())
        if isinstance(limit, Mapping) and "op" in limit
    }
    why = f"The profile {plan.profile} asks no less."
    own = _OWN.get(step.gate, {}) if plan.tier == "high" and step.applies else {}
    for measure, (words, reason) in ({name: (words, why) for name, words in rows.items()} or own).items():
        limit = {"group": step.gate, "metric": measure, "words": words, "limit": words, "reason": reason}
        if plan.tier == "high":
            key = f"{plan.system}.limit.{step.gate}.{measure}"
            limit |= {"limit": blank(key, words), "reason": blank(proposal=reason)}
        yield limit


def _versions() -> Iterator[tuple[str, str]]:
    for key, package in (("aims_gates_version", "aims-gates"), ("mlflow_version", "mlflow")):
        try:
            yield key, version(package)
        except PackageNotFoundError:
            continue


def _why(plan: Plan, control: str) -> str:
    return next((row.why for row in plan.requirements if row.control == control), "")

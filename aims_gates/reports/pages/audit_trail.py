"""What an auditor follows up: who said what, when and how it is known; clauses, nonconformities, rows to trace."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from aims_gates.attestation.trust_list import Row
from aims_gates.documents.canonical import digest_bytes
from aims_gates.governance.controls import clauses
from aims_gates.model import BASES, BASIS_WORDS, Basis, Decision
from aims_gates.portfolio import ModelView
from aims_gates.reports.pages.facts import Facts
from aims_gates.reports.pages.form import Section
from aims_gates.reports.view import bases_of, basis_counts, marks

__all__ = ["evidence", "known", "management_system", "nonconformities", "records_read", "samples"]

_NONCONFORMITIES = "organization/nonconformities"
#: How many rows of the ledger the page draws.
SAMPLE = 5


def _short(statement: Any) -> str:
    return str(statement).removeprefix("sha256:")[:12]


def _items(decision: Decision) -> Mapping[str, Mapping[str, Any]]:
    """Each piece of evidence once, by its statement."""
    items = (item for state in decision.controls for item in state.evidence if item.get("statement"))
    return {str(item["statement"]): item for item in items}


def _bases(decision: Decision) -> Mapping[str, list[Basis]]:
    """The bases of each gate's findings under a limit, each finding once."""
    bases: dict[str, dict[str, Basis]] = {}
    for state in decision.controls:
        for (gate, finding), basis in zip(state.findings, bases_of(state), strict=True):
            if finding.outcome is not None:
                bases.setdefault(gate, {})[repr(finding)] = basis
    return {gate: list(own.values()) for gate, own in bases.items()}


def _words(bases: Iterable[Basis]) -> str:
    counts = basis_counts(bases)
    return ", ".join(f"{count} {BASIS_WORDS[basis]}" for basis in BASES if (count := counts[basis]))


def _signers(model: ModelView, row: Row | None) -> tuple[str, str, str]:
    """Persons, roles and the starts of the keys that signed a row; as the trust list knew them then."""
    holders = model.ledger.trust.holders(row) if row is not None else []
    roles = {role for holder in holders for role in holder.roles}
    return (
        ", ".join(sorted({holder.person for holder in holders})),
        ", ".join(sorted(roles)),
        ", ".join(sorted({holder.key[:12] for holder in holders})),
    )


def evidence(model: ModelView) -> Section:
    """Each piece of evidence: when it was signed, until when it counts, by whom, and how its findings are known."""
    rows = {row.digest: row for row in model.rows}
    bases = _bases(model.decision)
    return Section(
        "Evidence, by whom and when",
        columns=(
            "Gate", "Statement", "Ledger row", "Signed on", "Counts until", "Standing", "Person", "Role", "Key",
            "How it is known",
        ),
        rows=tuple(
            (
                str(item["gate"]), _short(digest), str(item["position"]), *_dates(model, item), str(item["standing"]),
                *_signers(model, rows.get(digest)), _words(bases.get(str(item["gate"]), ())),
            )
            for digest, item in sorted(_items(model.decision).items(), key=lambda pair: pair[1]["position"])
        ),
    )  # fmt: skip


def _dates(model: ModelView, item: Mapping[str, Any]) -> tuple[str, str]:
    """The day of a piece of evidence, and the last on which it counts; empty where its time is none."""
    if item.get("age_days") is None:
        return "", ""
    signed = model.now - timedelta(days=float(item["age_days"]))
    return signed.date().isoformat(), (signed + timedelta(days=int(item["expires_days"]))).date().isoformat()


def known(decision: Decision) -> Section:
    """The controls by how they are known, what was measured apart from what was signed and what was typed."""
    rows = []
    for basis in BASES:
        names = [state.control for state in decision.controls if state.basis == basis and state.evidence]
        if names:
            rows.append((BASIS_WORDS[basis], str(len(names)), ", ".join(names)))
    return Section(
        "How the controls are known",
        ("A control is known as the weakest of the findings that it rests on.",),
        columns=("How", "Controls", "Which"),
        rows=tuple(rows),
    )


def records_read(decision: Decision) -> Section:
    """The texts that the evidence read, and who approved them."""
    texts: dict[tuple[str, str], Mapping[str, Any]] = {}
    for item in _items(decision).values():
        for record in item.get("records") or ():
            texts.setdefault((str(record["record"]), str(record.get("digest", ""))), record)
    return Section(
        "Records that were read",
        () if texts else ("The evidence read no record that is kept by its digest.",),
        columns=("Record", "File", "Digest", "Approved by", "Role", "On"),
        rows=tuple(
            (name, str(record.get("file", "")), _short(digest), *_approved(record.get("approved")))
            for (name, digest), record in sorted(texts.items())
        ),
    )


def _approved(approval: Mapping[str, Any] | None) -> tuple[str, str, str]:
    if approval is None:
        return "nobody: typed, unsigned", "", ""
    return ", ".join(map(str, approval["by"])), str(approval["role"]), str(approval["at"])[:10]


def management_system(decision: Decision) -> Section:
    """Clauses 4 to 10: their state where the profile asks for them, and what of them no gate looks at."""
    states = {state.control: state for state in decision.controls}
    return Section(
        "Clauses 4 to 10",
        columns=("Clause", "Title", "Gates", "State", "Not looked at"),
        rows=tuple(
            (
                clause.id,
                clause.title,
                ", ".join(clause.gates),
                marks(states[clause.id].state).word if clause.id in states else "not asked for by this profile",
                clause.leaves_out,
            )
            for clause in clauses().values()
            if clause.part_of is None
        ),
    )


def nonconformities(facts: Facts) -> Section:
    """Those of this system and of all systems, from cause to effect."""
    name = facts.version().plan.system  # type: ignore[union-attr]
    entries = facts.records.get(_NONCONFORMITIES, {}).get("nonconformities") or ()
    rows = tuple(_nonconformity(entry) for entry in entries if entry.get("system") in (None, "*", name))
    return Section(
        "Nonconformities",
        () if rows else ("None is recorded for this system.",),
        columns=("Id", "Grade", "What", "About", "Cause", "Action", "Owner", "Due", "Accepted by", "Closed", "Effect"),
        rows=rows,
    )


def _nonconformity(entry: Mapping[str, Any]) -> tuple[str, ...]:
    names = ("id", "grade", "what", "about", "cause", "action", "owner", "due", "accepted_by", "closed_on",
             "effective_on")  # fmt: skip
    return tuple(_text(entry.get(name)) for name in names)


def _text(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value or "")


def samples(model: ModelView) -> Section:
    """Rows of the ledger to trace by hand: drawn by a digest over the day and the row, so that nobody chooses them."""
    day = model.now.date().isoformat()
    drawn = sorted(model.rows, key=lambda row: digest_bytes(f"{day} {row.digest}".encode()))[:SAMPLE]
    return Section(
        "Samples to trace",
        (
            f"{len(drawn)} of {len(model.rows)} rows about this model, in the order of SHA-256 over the day ({day}), a "
            "blank and the row's digest. Trace each to what it is about: aims-gates ledger export FILE.",
        ),
        columns=("Ledger row", "Appended on", "What", "Statement", "Person", "Role", "Key"),
        rows=tuple(
            (
                str(row.position),
                row.at.date().isoformat(),
                row.type.split("/")[-2],
                _short(row.digest),
                *_signers(model, row),
            )
            for row in sorted(drawn, key=lambda row: row.position)
        ),
    )

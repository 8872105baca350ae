"""The end of a validation report: conditions, who signed and where to sign, and the digests in full."""

from collections.abc import Iterable, Mapping
from typing import Any

from aims_gates.attestation.trust_list import Row
from aims_gates.portfolio import ModelView
from aims_gates.reports.pages import audit_trail
from aims_gates.reports.pages.facts import Facts
from aims_gates.reports.pages.form import Section

__all__ = ["conditions", "digests", "sign_off"]

_LINE = "____________________"


def conditions(facts: Facts, model: ModelView) -> Iterable[Section]:
    """Waivers that stand, what approvers wrote with their yes, and nonconformities that are open."""
    assert model.plan is not None and model.subject is not None
    waived, ended = model.ledger.waivers(model.plan, model.subject, model.now)
    used = {state.control for state in model.decision.controls if state.state == "waived"}
    comments = tuple(
        f"{_names(model, row)} as {row.predicate.role}, {row.at.date()}: {row.predicate.comment}"
        for row in _approvals(model)
        if row.predicate.comment
    )
    past = tuple(f"{control}: the waiver of it ended on {row.predicate.expires}" for control, row in ended.items())
    rows = tuple(
        (control, row.predicate.reason, row.predicate.risk, row.predicate.compensating_control,
         row.predicate.expires, _names(model, row), row.predicate.role)
        for control, row in waived.items()
        if control in used
    )  # fmt: skip
    nothing = () if rows or comments or past else ("No waiver stands, and no approval was given with a comment.",)
    columns = ("Control", "Reason", "Risk", "Compensating control", "Until", "Waived by", "Role")
    yield Section("Conditions", nothing, (*comments, *past), columns, rows)
    yield _open_nonconformities(facts)


def _open_nonconformities(facts: Facts) -> Section:
    """Of the record as its file reads today."""
    whole = audit_trail.nonconformities(facts)
    closed = whole.columns.index("Closed")
    rows = tuple(row for row in whole.rows if not row[closed])
    text = "As the record reads today." if rows else "None is open for this system in the record as it reads today."
    return Section("Open nonconformities", (text,), columns=whole.columns if rows else (), rows=rows)


def _request(model: ModelView) -> Row | None:
    return model.ledger.latest_request(model.version or "")


def _approvals(model: ModelView) -> list[Row]:
    request = _request(model)
    assert model.plan is not None
    return [] if request is None else model.ledger.approvals(request, model.plan.approval_days, model.now)


def _names(model: ModelView, row: Row) -> str:
    return ", ".join(sorted({holder.person for holder in model.ledger.trust.holders(row)}))


def sign_off(model: ModelView) -> Iterable[Section]:
    """Who approved, and a line for everybody who has not; the grant that stands."""
    approvals = {(item.get("person"), item.get("role")) for item in model.decision.approvals.get("given") or ()}
    rows = [
        (row.predicate.role, _names(model, row), row.at.date().isoformat(), f"approved, {_short(row.digest)}")
        for row in _approvals(model)
        if any((name, row.predicate.role) in approvals for name in _names(model, row).split(", "))
    ]
    for item in model.decision.approvals.get("missing") or ():
        rows += [(str(item["role"]), _LINE, _LINE, _LINE)] * int(item.get("count", 1))
    rows.append(("validator", _LINE, _LINE, _LINE))
    yield Section(
        "Sign-off",
        tuple(_standing(model)),
        columns=("Role", "Name", "Date", "Statement, or signature"),
        rows=tuple(rows),
    )


def _standing(model: ModelView) -> Iterable[str]:
    request = _request(model)
    if request is None:
        yield "Nobody has asked for its promotion."
    else:
        who = _names(model, request) or "nobody trusted"
        yield f"Request {_short(request.digest)} of {request.at.date()}, by {who}."
        rejection = model.ledger.rejection(request)
        if rejection is not None:
            yield f"Rejected by {rejection[0]}: {rejection[1]}"
    if model.grant is None:
        yield "No grant of this version stands."
        return
    row, grant = model.grant, model.grant.predicate
    until = f", until {grant.expires}" if grant.expires else ""
    yield f"Granted on {row.at.date()} ({grant.transition}, mode {grant.mode}){until}: {_short(row.digest)}."


def _short(digest: Any) -> str:
    return str(digest).removeprefix("sha256:")[:12]


def digests(facts: Facts, sets: Mapping[tuple[str, str], Any], evidence: list[Row]) -> Section:
    """Every digest that the report shortens, whole."""
    model = facts.version()
    assert model.plan is not None
    request = _request(model)
    rows = [
        ("model bytes", str(model.subject), "", ""),
        ("profile", model.plan.profile_digest, "", ""),
        ("plan", str(model.decision.plan), "", ""),
        *((f"data set {role}", digest, "", "") for role, digest in sorted(sets)),
        *((f"evidence of {row.predicate.gate}", *_signed(model, row)) for row in evidence),
        *((f"approval as {row.predicate.role}", *_signed(model, row)) for row in _approvals(model)),
    ]
    rows += [("request", *_signed(model, request))] if request is not None else []
    rows += [("grant", *_signed(model, model.grant))] if model.grant is not None else []
    columns = ("What", "Digest", "Signed by", "On")
    return Section("Appendix: digests", columns=columns, rows=tuple(row for row in rows if row[1] != "None"))


def _signed(model: ModelView, row: Row) -> tuple[str, str, str]:
    return row.digest, _names(model, row) or "the registry", row.at.date().isoformat()

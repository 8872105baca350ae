"""Trying again: what undoes a measured failure (rule 23), and what was tried since the last grant. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from aims_gates.attestation.statements.types import type_of
from aims_gates.attestation.trust_list import Row
from aims_gates.decision.evidence import Counted, EvidenceView, moment
from aims_gates.decision.rights import outcome_of
from aims_gates.documents.canonical import digest_of
from aims_gates.documents.shell import invocation
from aims_gates.model import Evidence, Finding

__all__ = ["TriedBefore", "attempts_of", "replacement_lines", "without_trying_again"]

#: The role whose data are new each time: a later window says what is so now.
_WINDOWED = "production"
_DATA = "data:"
#: How often a gate's interval passes, at most, where the truth is exactly at the limit.
_ERROR_RATE = 0.025


@dataclass(frozen=True)
class _Failure:
    """A failure on data in a role that the evidence after it does not repeat.

    Attributes:
        row: The evidence that failed.
        role: The role in which the later evidence is about other data.
        finding: The first that failed on those data.
    """

    row: Row
    role: str
    finding: Finding


def without_trying_again(
    ledger: EvidenceView, version: str, request: Row | None, counted: Mapping[str, Counted]
) -> dict[str, Counted]:
    """Rule 23: evidence after a failure on other data counts for nothing until somebody says why they were replaced.

    Args:
        ledger: The statements.
        version: The version in question.
        request: The request that stands; None where none does.
        counted: By gate, its latest evidence and whether it counts.
    """
    return {gate: _answered(ledger, version, request, item) for gate, item in counted.items()}


def _answered(ledger: EvidenceView, version: str, request: Row | None, item: Counted) -> Counted:
    if item.standing != "counts" or item.evidence is None:
        return item
    looks = item.step.params.get("looks")
    if isinstance(looks, int) and 0 < looks < _windows(ledger, item):
        reason = f"the plan says that {looks} windows of production are looked at, and this is one more"
        remedy = "Have the plan allow more looks, which makes each of them stricter, or judge a new version."
        return replace(item, standing="stale", reason=reason, remedy=remedy)
    if _says_why(request, item):
        return item
    failure = next(_failures(ledger, item), None)
    if failure is None:
        return item
    command = invocation("request open", ledger.name, version, options="--replaced WHY --key YOUR.key")
    reason = (
        f"{failure.finding.measure} failed on other {failure.role} data on {failure.row.at.date()} "
        f"({failure.row.digest[7:19]}); nobody has told approvers why they were replaced"
    )
    return replace(item, standing="stale", reason=reason, remedy=command)


def _windows(ledger: EvidenceView, item: Counted) -> int:
    """How many sets of production data the gate has looked at for these bytes, under the same parameters."""
    assert item.row is not None
    params = digest_of(item.step, "params")
    rows = (earlier.row for earlier in ledger.all_evidence(item.step, item.row.statement.subject))
    same = (row.predicate for row in rows if row is not None and digest_of(row.predicate, "params") == params)
    return len({evidence.data[_WINDOWED] for evidence in same if _WINDOWED in evidence.data})


def _says_why(request: Row | None, item: Counted) -> bool:
    """Whether the request that stands tells why data were replaced, and is about the data of this evidence."""
    if request is None or item.evidence is None or not request.predicate.replaced.strip():
        return False
    entry = next((entry for entry in request.predicate.evidence if entry.gate == item.step.gate), None)
    data = item.evidence.data
    return entry is not None and all(entry.inputs.get(role) == digest for role, digest in data.items())


def replacement_lines(ledger: EvidenceView, counted: Iterable[Counted]) -> tuple[str, ...]:
    """For approvers: per failure that was replaced, both sets and both results."""
    lines: list[str] = []
    for item in counted:
        if item.standing == "counts" and item.evidence is not None:
            lines += [_replaced(item.step.gate, item.evidence, failure) for failure in _failures(ledger, item)]
    return tuple(lines)


def _replaced(gate: str, evidence: Evidence, failure: _Failure) -> str:
    before, since = failure.row.predicate.data[failure.role], evidence.data.get(failure.role)
    same = (finding for finding in evidence.findings if finding.measure == failure.finding.measure)
    return (
        f"{gate}: {_result(failure.finding)} on {failure.role} {before[:19]} ({failure.row.at.date()}); "
        f"{_result(next(same, None))} on {since[:19] if since else 'none'} since"
    )


def _result(finding: Finding | None) -> str:
    if finding is None:
        return "not measured"
    value = "" if finding.value is None else f" {finding.value:.4g}"
    limit = f", limit {finding.limit.op} {finding.limit.value:g}" if finding.limit is not None else ""
    return f"{finding.measure}{value} {finding.outcome}{limit}"


def _failures(ledger: EvidenceView, item: Counted) -> Iterator[_Failure]:
    """What failed on these bytes, under the same parameters, on data that the gate's latest evidence is not about."""
    evidence, row = item.evidence, item.row
    assert evidence is not None and row is not None
    params = digest_of(item.step, "params")
    for earlier in ledger.all_evidence(item.step, row.statement.subject):
        before = earlier.row
        if before is None or before.position >= row.position or digest_of(before.predicate, "params") != params:
            continue
        for finding in before.predicate.findings:
            role = next(_other_data(before.predicate, evidence, finding), None)
            if role is not None:
                yield _Failure(before, role, finding)
                break


def _other_data(before: Evidence, since: Evidence, finding: Finding) -> Iterator[str]:
    """The roles in which a finding failed on data that the later evidence is not about.

    Where the data themselves were at fault, other data are the remedy; an error is no measurement.
    """
    if outcome_of(finding) != "fail" or finding.missing or finding.cause in ("data", "record"):
        return
    named = [name.removeprefix(_DATA) for name in finding.rests_on if name.startswith(_DATA)]
    for role in named if finding.rests_on else before.data:
        if role in before.data and since.data.get(role) != before.data[role] and not _later(role, before, since):
            yield role


def _later(role: str, before: Evidence, since: Evidence) -> bool:
    """Whether the production data begin no earlier and end later than those that failed."""
    if role != _WINDOWED or role not in before.windows or role not in since.windows:
        return False
    ends = [moment(time) for evidence in (before, since) for time in evidence.windows[role]]
    if any(time is None for time in ends):
        return False
    was_first, was_last, first, last = (time for time in ends if time is not None)
    return was_first <= first and was_last < last


@dataclass(frozen=True)
class TriedBefore:
    """The signed verdicts on a name's versions that were measured on data, since its last grant.

    Attributes:
        unmet: One line for each that did not pass, oldest first; a gate, bytes, parameters and data count once.
        versions: How many of the versions were judged on the evaluation set in question.
    """

    unmet: tuple[str, ...]
    versions: int

    @property
    def by_luck(self) -> float:
        """The chance that one of so many versions passes one limit at which all of them truly lie: 1 - (1 - a)^k."""
        return float(1 - (1 - _ERROR_RATE) ** self.versions)

    def lines(self) -> tuple[str, ...]:
        """In words; nothing where nothing failed and one version was judged."""
        lines = [f"tried before: {line}" for line in self.unmet]
        if self.versions > 1:
            lines.append(
                f"{self.versions} of the latest versions were judged on this evaluation set: "
                f"were all of them exactly at a limit, one would pass it by luck in {self.by_luck:.0%} of cases"
            )
        return tuple(lines)


def attempts_of(rows: Iterable[Row], since: int, evaluation: str | None) -> TriedBefore:
    """What was tried.

    Args:
        rows: Evidence on versions of one name, in order.
        since: The place of its last grant in the ledger; -1 where none was given.
        evaluation: Digest of the evaluation set in question; None where there is none.
    """
    verdicts: dict[tuple[str, ...], str] = {}
    subjects = set()
    for row in rows:
        if row.type != type_of(Evidence) or not any(map(_measured, row.predicate.findings)):
            continue
        if evaluation is not None and row.predicate.data.get("evaluation") == evaluation:
            subjects.add(row.statement.subject)
        if row.position > since:
            what = tuple(f"{role} {digest}" for role, digest in sorted(row.predicate.data.items()))
            key = (row.predicate.gate, row.statement.subject, digest_of(row.predicate, "params"), *what)
            verdicts.setdefault(key, _unmet(row))
    return TriedBefore(tuple(line for line in verdicts.values() if line), len(subjects))


def _measured(finding: Finding) -> bool:
    """Whether a finding is a verdict on data, by a gate that judges no data quality."""
    on_data = any(name.startswith(_DATA) for name in finding.rests_on)
    return on_data and finding.cause not in ("data", "record") and outcome_of(finding) not in (None, "error")


def _unmet(row: Row) -> str:
    """The worst of a verdict, in a line; empty where all passed."""
    findings = [finding for finding in row.predicate.findings if _measured(finding)]
    bad = [finding for outcome in ("fail", "inconclusive") for finding in findings if outcome_of(finding) == outcome]
    if not bad:
        return ""
    more = f"; {len(bad) - 1} more" if len(bad) > 1 else ""
    version = row.predicate.facts.get("version", "?")
    return f"version {version}, {row.predicate.gate}: {_result(bad[0])}{more} ({row.at.date()}, {row.digest[7:19]})"

"""The figures of a bias audit by 6 RCNY 5-301, read from the fairness gate's signed findings; nothing is measured here.

A number that the findings do not hold as the rules want it is refused, with what has to change in the plan.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isclose

from aims_gates.errors import InputError
from aims_gates.model import Evidence, Finding

__all__ = ["AuditTable", "AuditedGroup", "audit_tables"]

#: 6 RCNY 5-301(d): the share of the people under which a category may be left out.
LARGEST_SHARE = 0.02
_RATES = ("scoring_rate", "selection_rate")
#: What the gate calls rows without a value, where they are a group.
_NO_VALUE = ("missing", "missing (no value)")
_ROUNDING = 1e-9


@dataclass(frozen=True)
class AuditedGroup:
    """A category of people.

    Attributes:
        names: Its values, one for each column of the table.
        applicants: How many people.
        share: Of the people in the table, 0 to 1.
        rate: The selection or scoring rate, 0 to 1.
        impact_ratio: The rate over that of the most selected category; None where it is left out, or all rates are 0.
        left_out: Whether its share is so small that the ratios leave it out.
    """

    names: tuple[str, ...]
    applicants: int
    share: float
    rate: float
    impact_ratio: float | None
    left_out: bool

    @property
    def name(self) -> str:
        """The category in words."""
        return ", ".join(self.names)


@dataclass(frozen=True)
class AuditTable:
    """The categories of one column, or of two together.

    Attributes:
        columns: The sensitive columns.
        label: The class that people were put into, where the tool knows several (5-301(b)(4)); else empty.
        rate: ``selection_rate`` or ``scoring_rate``.
        unknown: People without a value in one of the columns: they are in no row of the table.
        groups: Its rows.
    """

    columns: tuple[str, ...]
    label: str
    rate: str
    unknown: int
    groups: tuple[AuditedGroup, ...]

    @property
    def applicants(self) -> int:
        """How many people are in its rows."""
        return sum(group.applicants for group in self.groups)


def audit_tables(evidence: Evidence, sets: Sequence[tuple[str, ...]]) -> tuple[AuditTable, ...]:
    """A table for each set of columns, and for each class where there are several.

    Args:
        evidence: Of the gate ``fairness``.
        sets: The sensitive columns of each table.

    Raises:
        InputError: the findings do not hold these figures as the rules want them.
    """
    largest = evidence.params.get("min_group_share", 0)
    if not largest <= LARGEST_SHARE:
        remedy = "Set min_group_share of fairness to 0.02 or less in the profile, then check again."
        raise _refused(f"groups under {largest:g} of the rows were left out; the rule allows 0.02", remedy)
    labels = dict.fromkeys(_label(finding) for finding in evidence.findings if finding.measure in _RATES)
    if not labels:
        remedy = "Give the tool's decision the role prediction, or its score the role score, in system.yaml."
        raise _refused("there is no selection rate and no scoring rate by group", remedy)
    tables = tuple(_table(evidence, columns, label) for label in labels for columns in sets)
    totals = {table.applicants + table.unknown for table in tables}
    if len(totals) > 1:
        listed = ", ".join(f"{total:,}" for total in sorted(totals))
        raise _not_people(f"the tables do not add up to one number of people: {listed}")
    return tables


def _refused(message: str, remedy: str) -> InputError:
    return InputError(message, where="evidence of fairness", remedy=remedy)


def _not_people(message: str) -> InputError:
    remedy = (
        "The rules count people: check without the roles weight and cluster, a row for each person, or with "
        "weight_kind: frequency where weights count people."
    )
    return _refused(message, remedy)


def _label(finding: Finding) -> str:
    return str((finding.over or {}).get("class", ""))


def _table(evidence: Evidence, columns: tuple[str, ...], label: str) -> AuditTable:
    findings = [finding for finding in evidence.findings if _label(finding) == label]
    by_measure: dict[str, dict[tuple[str, ...], Finding]] = {}
    for finding in findings:
        if set(finding.by) == set(columns):
            names = tuple(finding.by[column] for column in columns)
            by_measure.setdefault(finding.measure, {})[names] = finding
    rate = next((name for name in _RATES if name in by_measure), None)
    if rate is None or not by_measure.keys() >= {"count", "impact_ratio"}:
        remedy = "Name at most three columns in roles.sensitive, these among them; of more, not every two are crossed."
        raise _refused(f"there are no rates by {' and '.join(columns)}", remedy)
    counts = {names: _people(evidence, finding) for names, finding in by_measure["count"].items()}
    unknown = _unknown(evidence, findings, columns, counts)
    groups = tuple(_groups(evidence, counts, by_measure[rate], by_measure["impact_ratio"]))
    _check_reference(columns, groups)
    return AuditTable(columns, label, rate, unknown, groups)


def _people(evidence: Evidence, count: Finding) -> int:
    """How many people a group has: its rows, or what its rows count for.

    The value of ``count`` is the size that verdicts go by, its n the rows: they are one where a row is a person.
    """
    counts_people = evidence.params.get("weight_kind") == "frequency" or count.value == count.n
    if count.value is None or not counts_people or not float(count.value).is_integer():
        group = ", ".join(count.by.values())
        raise _not_people(f"a row is no person, so nobody knows how many people the group {group!r} has")
    return int(count.value)


def _unknown(
    evidence: Evidence, findings: Sequence[Finding], columns: tuple[str, ...], counts: Mapping[tuple[str, ...], int]
) -> int:
    """People without a value in one of the columns, who may be in no rate (5-301(b)(5) and (c)(5))."""
    if evidence.params.get("missing") != "drop":
        if any(value in _NO_VALUE for names in counts for value in names):
            remedy = "Set missing: drop of fairness in the profile, as nyc-ll144 has it, then check again."
            message = f"people without a value in {' or '.join(columns)} are a group of their own, and in the ratios"
            raise _refused(message, remedy)
        return 0
    for finding in findings:
        over = (finding.over or {}).get("sensitive", ())
        if finding.measure == "rows_dropped" and not finding.by and set(over) == set(columns):
            return int(finding.value or 0)
    raise _refused(f"rows_dropped of {' and '.join(columns)} is missing", "Check again with the gate at hand.")


def _groups(
    evidence: Evidence,
    counts: Mapping[tuple[str, ...], int],
    rates: Mapping[tuple[str, ...], Finding],
    ratios: Mapping[tuple[str, ...], Finding],
) -> Iterator[AuditedGroup]:
    total = sum(counts.values())
    for names, people in counts.items():
        rate = rates[names].value
        if rate is None:
            raise _refused(f"the group {', '.join(names)!r} has no rate", "Look at its rows, then check again.")
        left_out = people < evidence.params.get("min_group_share", 0) * total
        ratio = None if left_out else ratios[names].value
        yield AuditedGroup(names, people, people / total, rate, ratio, left_out)


def _check_reference(columns: tuple[str, ...], groups: Sequence[AuditedGroup]) -> None:
    """Whether every ratio is to the most selected category that is not left out (6 RCNY 5-300)."""
    counted = [group for group in groups if not group.left_out]
    most = max((group.rate for group in counted), default=0.0)
    for group in counted:
        right = group.rate / most if most > 0 else None
        ratio = group.impact_ratio
        if (ratio is None) != (right is None) or not isclose(ratio or 0.0, right or 0.0, rel_tol=_ROUNDING):
            remedy = "Set reference: max of fairness in the profile, then check again."
            message = f"impact ratios by {' and '.join(columns)} are not to the most selected category"
            raise _refused(message, remedy)

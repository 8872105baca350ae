"""For whoever looks for work: the summary of a bias audit that New York City has employers publish (6 RCNY 5-303).

Rates, ratios and counts are quoted from fairness evidence that counts, and from nothing else; dates, data source and
reasons are what people wrote in the record ``system/bias_audit``, and are marked declared. The page judges nothing: the
law has no limit.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from aims_gates.attestation.trust_list import Row
from aims_gates.documents.shell import quoted
from aims_gates.errors import InputError
from aims_gates.model import Evidence
from aims_gates.reports import format
from aims_gates.reports.pages.bias_audit_tables import AuditedGroup, AuditTable, audit_tables
from aims_gates.reports.pages.facts import Facts
from aims_gates.reports.pages.form import Page, Section
from aims_gates.reports.pages.validation import steps_judged

__all__ = ["Summary", "page", "summary"]

_RECORD = "bias_audit"
#: Categories of the record, and the tables of each class: of one category, of the other, of both together.
_CATEGORIES = ("sex", "race_ethnicity")
_HEADINGS = ("Sex", "Race and ethnicity", "Sex with race and ethnicity")
_RATES: Mapping[str, tuple[str, str]] = {
    "selection_rate": (
        "Selection rate",
        "the share of a category's people whom the tool selected or put into the class",
    ),
    "scoring_rate": (
        "Scoring rate",
        "the share of a category's people whose score lies above the median of all scores",
    ),
}
_NOTES = (
    "The law sets no limit on an impact ratio, and this summary judges none. What is marked declared was written by "
    "people and not measured. Whether the auditor was independent, and whether every duty of the law is met, is not "
    "said here.",
    "It stays public for at least six months after the tool was last used for a decision (6 RCNY 5-303).",
)


@dataclass(frozen=True)
class Summary:
    """What is published of a bias audit.

    Attributes:
        system, model, version: The tool.
        declared: What the record says: ``audited_on``, ``first_use_on`` (the distribution date), ``auditor``,
            ``independent_because``, ``data_source``, ``unknown_people``.
        assessed: How many people the tool assessed, those of unknown category among them.
        unknown: How many of them have no value in one of the columns.
        tables: Categories of sex, of race and ethnicity, and of both together.
        reasons: Category that is left out of the ratios -> the auditor's reason, declared.
        data: Digest of the set that was measured, its rows, and its first and last day where a column has times.
        evidence: Digest of the signed findings, and when they were made; the ledger says by whose key.
    """

    system: str
    model: str
    version: str
    declared: Mapping[str, str]
    assessed: int
    unknown: int
    tables: tuple[AuditTable, ...]
    reasons: Mapping[str, str]
    data: Mapping[str, str]
    evidence: Mapping[str, str]


def summary(facts: Facts) -> Summary:
    """The summary of one version.

    Raises:
        InputError: there is no evidence that counts, its figures are not what the rules ask for, or the record lacks
            facts, every one of which is named.
    """
    model = facts.version()
    declared = {
        "audited_on": facts.text(_RECORD, "audited_on"),
        "first_use_on": facts.text(_RECORD, "notice.first_use_on"),
        "auditor": facts.text(_RECORD, "auditor"),
        "independent_because": facts.text(_RECORD, "independent_because"),
        "data_source": facts.text(_RECORD, "data_source"),
        "unknown_people": facts.text(_RECORD, "unknown_people"),
    }
    columns = tuple(_column(facts, category) for category in _CATEGORIES)
    facts.complete("bias-audit")
    row, evidence = _evidence(facts)
    tables = audit_tables(evidence, (*((column,) for column in columns), columns))
    reasons = _reasons(facts, tables)
    facts.complete("bias-audit")
    crossed = tables[-1]
    assert model.plan is not None
    return Summary(
        system=model.plan.system,
        model=model.name,
        version=model.version or "",
        declared=declared,
        assessed=crossed.applicants + crossed.unknown,
        unknown=crossed.unknown,
        tables=tables,
        reasons=reasons,
        data=_data(evidence),
        evidence={"digest": row.digest, "produced_at": evidence.produced_at},
    )


def _column(facts: Facts, category: str) -> str:
    """The one column of a category, as the record has it."""
    entries = facts.entries(_RECORD, "categories", "category", "column")
    columns = [column for name, column in entries if name == category]
    if len(columns) != 1:
        facts.missing.append(
            f"{facts.place(_RECORD)}: categories: one column of {category} (this record names {len(columns)})"
        )
    return columns[0] if columns else ""


def _evidence(facts: Facts) -> tuple[Row, Evidence]:
    model = facts.version()
    for item in steps_judged(model):
        if item.step.gate == "fairness":
            if item.row is not None and item.evidence is not None:
                return item.row, item.evidence
            remedy = f"aims-gates check --model {quoted(model.name)} --version {quoted(model.version)} --key CI.key"
            raise InputError("no evidence of fairness counts", where=item.missing, remedy=remedy)
    remedy = "Take a profile with the gate fairness, such as nyc-ll144, and bind the model anew."
    raise InputError("the plan does not ask for fairness, so nothing was measured", where=model.name, remedy=remedy)


def _reasons(facts: Facts, tables: tuple[AuditTable, ...]) -> dict[str, str]:
    """Why each category is left out, as the auditor says; what lies within a category left out shares its reason."""
    entries = facts.entries(_RECORD, "excluded", "group", "reason", empty=True) if _excluded(facts) else ()
    declared = {group.casefold(): reason for group, reason in entries}
    left_out = dict.fromkeys(group.names for table in tables for group in table.groups if group.left_out)
    alone = {names[0] for names in left_out if len(names) == 1}
    reasons = {}
    for names in left_out:
        whole = ", ".join(names)
        known = [declared.get(name.casefold()) for name in (whole, *(name for name in names if name in alone))]
        reason = next(filter(None, known), None)
        if reason is None:
            facts.missing.append(
                f"{facts.place(_RECORD)}: excluded: the auditor's reason for leaving out the group {whole!r}"
            )
        else:
            reasons[whole] = reason
    return reasons


def _excluded(facts: Facts) -> bool:
    return bool(facts.records[_RECORD].get("excluded"))


def _data(evidence: Evidence) -> dict[str, str]:
    first, last = evidence.windows.get("evaluation", ("", ""))
    rows = evidence.rows.get("evaluation")
    return {
        "digest": evidence.data.get("evaluation", ""),
        "rows": "" if rows is None else str(rows),
        "first": first[:10],
        "last": last[:10],
    }


def page(result: Summary) -> Page:
    """The summary as a page."""
    title = f"Bias audit of {result.model} version {result.version}: summary of results"
    sections = (_audit(result), _people(result), *_tables(result), _terms(result), _origin(result))
    return Page(title, sections, {"System": result.system, "Tool": f"{result.model} version {result.version}"}, _NOTES)


def _audit(result: Summary) -> Section:
    rows = (
        ("Date of the most recent bias audit", result.declared["audited_on"], "declared"),
        ("Distribution date: first use of the tool", result.declared["first_use_on"], "declared"),
        ("Auditor", result.declared["auditor"], "declared"),
        ("Why the auditor is independent", result.declared["independent_because"], "declared"),
        ("Source of the data, and why these", result.declared["data_source"], "declared"),
    )
    return Section("The audit", columns=("What", "Answer", "From"), rows=rows)


def _people(result: Summary) -> Section:
    declared = result.declared["unknown_people"]
    unlike = () if declared == str(result.unknown) else (
        f"The record says {declared} of unknown category (declared); measured are {result.unknown:,}.",
    )  # fmt: skip
    period = f"{result.data['first']} to {result.data['last']}" if result.data["first"] else ""
    rows = (
        ("People whom the tool assessed in these data", f"{result.assessed:,}", "measured"),
        ("Of them of unknown sex or unknown race and ethnicity", f"{result.unknown:,}", "measured"),
        ("Period of the data", period, "measured"),
    )
    return Section("The people", unlike, columns=("What", "Answer", "From"), rows=tuple(row for row in rows if row[1]))


def _tables(result: Summary) -> Iterator[Section]:
    for index, table in enumerate(result.tables):
        heading = _HEADINGS[index % len(_HEADINGS)]
        name = _RATES[table.rate][0]
        label = f", class {table.label}" if table.label else ""
        text = (f"{table.applicants:,} people; {table.unknown:,} more are of unknown category here, and in no rate.",)
        yield Section(
            f"{heading}{label}",
            text,
            tuple(_left_out(result, group, name) for group in table.groups if group.left_out),
            ("Category", "Applicants or candidates", name, "Impact ratio"),
            tuple((group.name, f"{group.applicants:,}", _percent(group.rate), _ratio(group)) for group in table.groups),
        )


def _left_out(result: Summary, group: AuditedGroup, rate: str) -> str:
    return (
        f"Left out of the impact ratios: {group.name}, {_percent(group.share)} of the people in this table, with "
        f"{group.applicants:,} applicants and a {rate.lower()} of {_percent(group.rate)}. The auditor's reason "
        f"(declared): {result.reasons[group.name]}"
    )


def _percent(value: float) -> str:
    return f"{format.number(100 * value, 1)} %"


def _ratio(group: AuditedGroup) -> str:
    """With three decimals, or so many that none but the most selected category reads as 1, and none but 0 as 0."""
    value = group.impact_ratio
    if value is None:
        return "left out" if group.left_out else "none: every rate is 0"
    texts = [f"{value:.{decimals}f}" for decimals in range(3, 10)]
    return next((text for text in texts if value in (0, 1) or float(text) not in (0, 1)), texts[-1])


def _terms(result: Summary) -> Section:
    rate, meaning = _RATES[result.tables[0].rate]
    return Section(
        "How to read the tables",
        points=(
            f"{rate}: {meaning} (6 RCNY 5-300).",
            f"Impact ratio: a category's {rate.lower()} over the highest one among the categories of the same table "
            "that are not left out. The category with the highest has 1.000 (6 RCNY 5-300).",
            "Left out: an auditor may leave a category under 2 % of the people out of the ratios, with a reason; its "
            "number of people and its rate are shown all the same (6 RCNY 5-301).",
            "Unknown category: people without a value are counted, and in no rate (6 RCNY 5-301).",
        ),
    )


def _origin(result: Summary) -> Section:
    rows = (
        ("Signed findings of the gate fairness", result.evidence["digest"]),
        ("Made on", result.evidence["produced_at"][:10]),
        ("Data that were measured", result.data["digest"]),
        ("Rows of these data", result.data["rows"]),
    )
    text = "Every number in the tables stands in these findings, or is a sum or a share of such numbers."
    return Section(
        "Where the numbers come from", (text,), columns=("What", "Answer"), rows=tuple(r for r in rows if r[1])
    )

"""For whoever files a validation: scope, data, methods, findings, limitations, conditions, attempts, sign-off.

Numbers are quoted from evidence that counts, and from nothing else. What is missing is a limitation, and is named: a
version that was refused has a report too.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from aims_gates.attestation.trust_list import Row
from aims_gates.model import Evidence, Finding, Step
from aims_gates.portfolio import ModelView
from aims_gates.reports import format
from aims_gates.reports.canvas import Chart
from aims_gates.reports.charts import charts
from aims_gates.reports.pages import validation_signing
from aims_gates.reports.pages.facts import Facts
from aims_gates.reports.pages.form import Page, Section
from aims_gates.reports.plain import measure_words, plain_findings
from aims_gates.reports.view import Report, marks, ordered, stands, verdict

__all__ = ["Background", "GatePage", "JudgedStep", "page", "steps_judged"]

#: Groups with fewer rows are withheld.
_SMALLEST = 5
#: Further figures of one gate, under no limit, that are printed; the rest stand in the evidence.
_MOST_INFORMATION = 40
_LINK = re.compile(r"\[([^\]]*)\]\([^)]*\)")
_METHOD, _BLIND = ("**Method", "**Unit", "**The unit"), ("**What it cannot see",)


@dataclass(frozen=True)
class GatePage:
    """What a gate says of itself.

    Attributes:
        digest: Of the gate's bytes at hand.
        summary: What it looks at.
        reading: Its reading.md; empty where it has none.
    """

    digest: str
    summary: str
    reading: str = ""

    def paragraphs(self, starts: tuple[str, ...]) -> tuple[str, ...]:
        """The paragraphs of its reading.md that begin like this, without Markdown."""
        parts = (" ".join(part.split()) for part in self.reading.split("\n\n"))
        return tuple(
            _LINK.sub(r"\1", part).replace("*", "").replace("`", "") for part in parts if part.startswith(starts)
        )


@dataclass(frozen=True)
class Background:
    """What stands neither in records nor among the rows of one version.

    Attributes:
        guides: Gate id -> what the gate at hand says of itself.
        tried: What was tried before, in lines.
    """

    guides: Mapping[str, GatePage] = field(default_factory=dict)
    tried: tuple[str, ...] = ()


@dataclass(frozen=True)
class JudgedStep:
    """A step that is due: its evidence where that counts, and why not where it does not."""

    step: Step
    row: Row | None
    evidence: Evidence | None
    missing: str = ""


def page(facts: Facts, background: Background) -> Page:
    """The model validation report of one version.

    Raises:
        InputError: the version is bound to no system, or the ledger knows no bytes of it.
    """
    model = facts.version()
    judged = steps_judged(model)
    sections = (
        _summary(model, judged),
        _scope(facts, model),
        _data(facts, judged),
        _methods(judged, background.guides),
        *_findings(judged),
        _limitations(facts, model, judged, background.guides),
        *validation_signing.conditions(facts, model),
        _tried(background.tried),
        *validation_signing.sign_off(model),
        validation_signing.digests(facts, _sets(judged), [item.row for item in judged if item.row is not None]),
    )
    title = f"Model validation report: {model.name} version {model.version}"
    notes = (
        "This report says whether the evidence criteria of a profile were met for exactly these bytes, and by which "
        "signed statements; it vouches for no law or standard. Verify the statements: aims-gates ledger verify, or "
        f"elsewhere: aims-gates ledger export FILE. Groups with fewer than {_SMALLEST} rows are withheld.",
    )
    return Page(title, sections, _heads(facts), notes)


def _heads(facts: Facts) -> dict[str, str]:
    heads = facts.heads()
    return {**heads, "Bytes": heads["Bytes"].removeprefix("sha256:")[:12]}


def steps_judged(model: ModelView) -> list[JudgedStep]:
    """Every gate that is due, with its evidence as the decision counts it."""
    assert model.plan is not None and model.subject is not None
    standing = {item.get("gate"): item.get("standing") for state in model.decision.controls for item in state.evidence}
    judged = []
    for step in model.plan.steps:
        if not step.applies:
            continue
        counted = model.ledger.count(model.plan, step, model.subject, model.now)
        if counted.standing == "counts" and standing.get(step.gate, "counts") == "counts":
            judged.append(JudgedStep(step, counted.row, counted.evidence))
        else:
            judged.append(JudgedStep(step, None, None, counted.reason or str(standing.get(step.gate))))
    return judged


def _summary(model: ModelView, judged: Iterable[JudgedStep]) -> Section:
    """The verdict, and what stands against the version, in sentences."""
    word, _, explanation = verdict(Report(decision=model.decision))
    unmet = [state for state in ordered(model.decision.controls) if not stands(state)]
    against = [f"{state.control} {state.title}: {marks(state.state).word}. {state.reason}" for state in unmet]
    measured = [
        f"{item.step.title}: {plain.text}"
        for item in judged
        if item.evidence is not None and item.evidence.data
        for plain in plain_findings(item.step.gate, item.evidence.findings, smallest=_SMALLEST)
        if plain.outcome not in (None, "pass")
    ]
    halted = ("The model is halted.",) if model.halted else ()
    nothing = () if unmet or measured or halted else ("Nothing that the profile requires stands against it.",)
    text = (f"{word}: {explanation[:1].upper()}{explanation[1:]}.", *model.decision.problems, *halted, *nothing)
    return Section("Result", tuple(dict.fromkeys(text)), tuple(dict.fromkeys((*measured, *against))))


def _scope(facts: Facts, model: ModelView) -> Section:
    plan = model.plan
    assert plan is not None
    request = model.ledger.latest_request(model.version or "")
    who = _persons(model, request)
    rows = (
        ("System", plan.system),
        ("Title", facts.text("system", "title")),
        ("Owner", facts.text("system", "owner")),
        ("Tier", plan.tier),
        ("Profile", plan.profile),
        ("Asked for by", who or "nobody: no request is on record"),
        ("Asked on", request.at.date().isoformat() if request is not None else ""),
        ("Reason of the request", request.predicate.reason if request is not None else ""),
        ("Not covered by the profile", plan.leaves_out),
    )
    changes = tuple(f"Since the last grant: {line}" for line in (request.predicate.changes if request else ()))
    filled = tuple(row for row in rows if row[1])
    return Section("Scope", (facts.text("system", "purpose"),), changes, ("What", "Value"), filled)


def _persons(model: ModelView, row: Row | None) -> str:
    return ", ".join(sorted({holder.person for holder in model.ledger.trust.holders(row)})) if row else ""


def _sets(judged: Iterable[JudgedStep]) -> dict[tuple[str, str], list[JudgedStep]]:
    """Role and digest of each data set -> whatever was measured on it."""
    sets: dict[tuple[str, str], list[JudgedStep]] = {}
    for item in judged:
        for role, digest in (item.evidence.data if item.evidence is not None else {}).items():
            if digest:
                sets.setdefault((role, digest), []).append(item)
    return sets


def _data(facts: Facts, judged: list[JudgedStep]) -> Section:
    rows = tuple(
        (role, digest.removeprefix("sha256:")[:12], _count(role, items), _period(role, items), _schema(facts, role),
         ", ".join(item.step.gate for item in items))
        for (role, digest), items in sorted(_sets(judged).items())
    )  # fmt: skip
    columns = facts.system.columns() if facts.system is not None else {}
    roles = tuple(f"{role}: {', '.join(names)}" for role, names in columns.items())
    return Section(
        "Data",
        ("Sets are named by the digest of their bytes; columns by role, as the system's file has them.",)
        if rows
        else ("No evidence that counts was measured on data.",),
        roles,
        ("Set", "Digest", "Rows", "Period", "Schema", "Used by"),
        rows,
    )


def _evidences(items: Iterable[JudgedStep]) -> Iterable[Evidence]:
    return (item.evidence for item in items if item.evidence is not None)


def _count(role: str, items: list[JudgedStep]) -> str:
    counts = sorted({evidence.rows[role] for evidence in _evidences(items) if role in evidence.rows})
    return " or ".join(f"{count:,}" for count in counts) or "not stated"


def _period(role: str, items: list[JudgedStep]) -> str:
    windows = {tuple(evidence.windows[role]) for evidence in _evidences(items) if role in evidence.windows}
    return "; ".join(f"{first[:10]} to {last[:10]}" for first, last in sorted(windows)) or "not stated"


def _schema(facts: Facts, role: str) -> str:
    declared: Any = facts.system.system.schema_.get(role) if facts.system is not None else None
    fields = declared.get("fields") if isinstance(declared, Mapping) else None
    return f"declared, {len(fields)} fields" if isinstance(fields, list | tuple) else "none declared"


def _guide(item: JudgedStep, guides: Mapping[str, GatePage]) -> GatePage | None:
    """What the gate says of itself, where it is the very gate that ran."""
    guide = guides.get(item.step.gate)
    ran = item.evidence.gate_digest if item.evidence is not None else item.step.digests[0]
    return guide if guide is not None and guide.digest == ran else None


def _methods(judged: list[JudgedStep], guides: Mapping[str, GatePage]) -> Section:
    """What each gate does and after whom; of the numbers in this report only."""
    points, rows, libraries = [], [], dict[str, list[str]]()
    for item in judged:
        if item.evidence is None or not item.evidence.data:
            continue
        guide = _guide(item, guides)
        summary = guide.summary if guide else "The gate at hand is not the one that ran: its page is not quoted."
        rows.append((item.step.title, item.step.gate, summary))
        libraries.setdefault(_libraries(item.evidence), []).append(item.step.gate)
        points += [f"{item.step.title}. {text}" for text in (guide.paragraphs(_METHOD) if guide else ())]
    if not rows:
        return Section("Methods", ("No method was applied to data.",))
    text = ["What each gate computes, in its own page's words, with its sources."]
    for versions, gates in libraries.items():
        which = "all of them" if len(libraries) == 1 else ", ".join(gates)
        text.append(f"Libraries when they ran ({which}): {versions or 'not stated'}.")
    return Section("Methods", tuple(text), tuple(points), ("What", "Gate", "What it looks at"), tuple(rows))


def _libraries(evidence: Evidence) -> str:
    versions = evidence.facts.get("libraries")
    return ", ".join(f"{name} {version}" for name, version in versions.items()) if isinstance(versions, Mapping) else ""


def _findings(judged: list[JudgedStep]) -> Iterable[Section]:
    """The numbers, failed first; then what is yes or no; then figures under no limit."""
    measured = [item for item in judged if item.evidence is not None and item.evidence.data]
    yield _numbers(measured)
    answers = tuple(row for item in measured for row in _answers(item))
    if answers:
        text = ("Yes or no, by the same gates, from records and files beside the data.",)
        yield Section("Also looked at", text, columns=("Gate", "Outcome", "What"), rows=answers)
    further = [row for item in measured for row in _information(item)]
    if further:
        text = (f"Figures under no limit, at most {_MOST_INFORMATION} of each gate; all stand in the evidence.",)
        columns = ("Gate", "Measure", "About", "Value (interval)", "n")
        yield Section("Further figures", text, columns=columns, rows=tuple(further))


def _answers(item: JudgedStep) -> Iterable[tuple[str, ...]]:
    """What the gate answered with yes or no, by outcome, failed first."""
    findings = [f for f in item.evidence.findings if f.outcome and format.is_fact(f)] if item.evidence else []
    by_outcome: dict[str, list[str]] = {}
    for finding in sorted(findings, key=format.rank):
        by_outcome.setdefault(marks(format.state(finding)).word, []).append(measure_words(finding.measure))
    return [(item.step.gate, word, ", ".join(dict.fromkeys(names))) for word, names in by_outcome.items()]


def _numbers(measured: list[JudgedStep]) -> Section:
    pairs = [(item, finding) for item in measured for finding in item.evidence.findings]  # type: ignore[union-attr]
    limited = [pair for pair in pairs if pair[1].outcome is not None and not format.is_fact(pair[1])]
    limited.sort(key=lambda pair: format.rank(pair[1]))
    return Section(
        "Findings",
        ("Each value with its interval, against its limit, with the group and the rows it rests on; failed first.",),
        columns=("Gate", "Measure", "About", "Value (interval)", "Limit", "n", "Outcome"),
        rows=tuple(_row(item, finding) for item, finding in limited),
        charts=tuple(chart for item in measured for chart in _charts(item)),
    )


def _charts(item: JudgedStep) -> list[Chart]:
    """The gate's pictures, each under its name."""
    drawn = charts(item.evidence.findings if item.evidence is not None else (), _SMALLEST)
    return [replace(chart, title=f"{item.step.title}: {chart.title}") for chart in drawn]


def _row(item: JudgedStep, finding: Finding) -> tuple[str, ...]:
    return (
        item.step.gate,
        measure_words(finding.measure),
        format.about(finding) or "all rows",
        format.seen(finding, _SMALLEST),
        format.limit(finding),
        format.rows(finding, _SMALLEST),
        marks(format.state(finding)).word,
    )


def _information(item: JudgedStep) -> list[tuple[str, ...]]:
    findings = [f for f in item.evidence.findings if f.outcome is None and "bin" not in f.by] if item.evidence else []
    shown = [_row(item, finding) for finding in findings[:_MOST_INFORMATION]]
    return [(*row[:4], row[5]) for row in shown]


def _limitations(facts: Facts, model: ModelView, judged: list[JudgedStep], guides: Mapping[str, GatePage]) -> Section:
    """What was not settled, what is missing, what no gate sees."""
    points = [f"{item.step.title}: no evidence that counts: {item.missing}" for item in judged if item.evidence is None]
    for item in judged:
        if item.evidence is None:
            continue
        points += [f"{item.step.title}, not settled: {_open(f)}" for f in item.evidence.findings if _unsettled(f)]
    for item in judged:
        guide = _guide(item, guides)
        points += [f"{item.step.title}. {text}" for text in (guide.paragraphs(_BLIND) if guide else ())]
    points += [f"Not looked at: {step.title}. {step.reason}" for step in _left_out(model)]
    points += [f"Not written down: {place}" for place in dict.fromkeys(facts.missing)]
    return Section("Limitations", ("What was not settled, what is missing, and what no method here can see.",),
                   tuple(points))  # fmt: skip


def _unsettled(finding: Finding) -> bool:
    return finding.outcome in ("inconclusive", "error")


def _open(finding: Finding) -> str:
    text = format.sentence(finding, _SMALLEST)
    return "; ".join(filter(None, (text, f"n {rows}" if (rows := format.rows(finding, _SMALLEST)) else "",
                                   format.clean(finding.note or ""))))  # fmt: skip


def _left_out(model: ModelView) -> list[Step]:
    return [step for step in model.plan.steps if not step.applies] if model.plan is not None else []


def _tried(lines: tuple[str, ...]) -> Section:
    nothing = "Since the last grant no signed verdict on data failed or stayed open, and one version was judged."
    return Section("What was tried before", () if lines else (nothing,), lines)

"""What every report is made of: the values handed over, and the verdict in plain words."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from aims_gates.model import BASES, BASIS_WORDS, TRIAL_GRANT, Basis, ControlState, Decision, Finding, Outcome, State
from aims_gates.reports.preview import Preview

if TYPE_CHECKING:
    from aims_gates.reports.effort import Effort

__all__ = [
    "GateRun",
    "Mark",
    "Report",
    "basis_words",
    "blocking",
    "judging",
    "marks",
    "oldest",
    "ordered",
    "shown_state",
    "stands",
    "verdict",
]


class GateRun(NamedTuple):
    """One gate's result.

    Attributes:
        gate: Gate id.
        title: The gate's title.
        outcome: The worst outcome of its findings under a limit.
        findings: All of them, as the gate gave them.
    """

    gate: str
    title: str
    outcome: Outcome
    findings: tuple[Finding, ...]

    @property
    def state(self) -> str:
        """Its outcome; ``missing`` where whatever does not pass does so because a record or an input is not there."""
        bad = [finding for finding in self.findings if finding.outcome not in (None, "pass")]
        return "missing" if bad and all(finding.missing for finding in bad) else self.outcome


@dataclass(frozen=True)
class Report:
    """What ``check`` and ``explain`` hand to every format.

    Attributes:
        title: What the report is about, where there is no decision to say it.
        decision: The decision; None when only gates ran.
        gates: The gates that ran (or whose evidence counts), plain 4-tuples will do.
        notes: Sentences to show below everything, e.g. that predictions were not signed.
        links: Name -> path or URI of what belongs to this report (model card, evidence, run).
        smallest_cell: Groups with fewer rows are withheld from what people read; JSON keeps them.
        preview: What a preview shows besides, where this is one.
        all_of_it: The command that prints all that a short text leaves out; empty where there is none.
        effort: What it takes people to close what is open; None where nothing is, or nobody estimated it.
    """

    title: str = ""
    decision: Decision | None = None
    gates: tuple[GateRun, ...] = ()
    notes: tuple[str, ...] = ()
    links: Mapping[str, str] = field(default_factory=dict)
    smallest_cell: int = 5
    preview: Preview | None = None
    all_of_it: str = ""
    effort: "Effort | None" = None

    def _repr_html_(self) -> str:
        """What a notebook shows: verdict, table, details to open, pictures."""
        from aims_gates.reports.notebook import render

        return render(self)

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        """The same as HTML, and as text for what shows none; notebooks choose."""
        from aims_gates.reports.text import render

        return {"text/html": self._repr_html_(), "text/plain": render(self)}


class Mark(NamedTuple):
    """How a state or an outcome is shown: a symbol and a word, and only then a colour."""

    symbol: str
    plain: str
    word: str
    colour: str


_MARKS: Mapping[str, Mark] = {
    "failed": Mark("✗", "x", "failed", "red"),
    "missing": Mark("○", "-", "missing", "red"),
    "inconclusive": Mark("?", "?", "inconclusive", "yellow"),
    "stale": Mark("↻", "~", "stale", "yellow"),
    "awaiting-approval": Mark("…", ".", "awaiting approval", "blue"),
    "waived": Mark("◇", "w", "waived", "blue"),
    "not-applicable": Mark("–", "/", "not applicable", "grey"),
    "met": Mark("✓", "+", "met", "green"),
    "met-on-trial": Mark("✓", "+", "not counted", "grey"),
    "fail": Mark("✗", "x", "fail", "red"),
    "error": Mark("!", "!", "error", "red"),
    "pass": Mark("✓", "+", "pass", "green"),
}
_INFORMATION = Mark("·", " ", "information", "grey")
_LETS_THROUGH: frozenset[State] = frozenset({"met", "waived", "not-applicable"})
_ORDER: Mapping[str, int] = {state: place for place, state in enumerate(_MARKS)}


def marks(state: str | None) -> Mark:
    """How to show a control's state or a finding's outcome; None is information."""
    return _MARKS.get(state, Mark("?", "?", state, "yellow")) if state else _INFORMATION


def shown_state(control: ControlState, decision: Decision) -> str:
    """The state to show: what a trial sees as met does not count as met."""
    trial = decision.transition == "trial" and control.state == "met"
    return "met-on-trial" if trial else control.state


def stands(control: ControlState) -> bool:
    """Whether this control's state lets a promotion through."""
    return control.state in _LETS_THROUGH


def blocking(decision: Decision) -> tuple[ControlState, ...]:
    """The controls that stop the promotion, as the reader should see them: worst first."""
    return tuple(control for control in ordered(decision.controls) if control.blocks)


def ordered(controls: tuple[ControlState, ...]) -> tuple[ControlState, ...]:
    """Controls that need somebody first (those that block before those that warn), else as given."""

    def rank(control: ControlState) -> tuple[bool, bool, int]:
        return stands(control), not control.blocks, _ORDER.get(control.state, 0)

    return tuple(sorted(controls, key=rank))


def oldest(control: ControlState) -> float | None:
    """Age in days of the oldest evidence behind a control; None where nothing is known."""
    ages = [days for item in control.evidence if isinstance(days := item.get("age_days"), int | float)]
    return max(ages, default=None)


def basis_counts(bases: Iterable[Basis]) -> dict[str, int]:
    """How many there are of each basis, strongest first."""
    counts = Counter(bases)
    return {basis: counts[basis] for basis in BASES}


def known_by(decision: Decision) -> str:
    """``2 measured, 33 signed``: how the controls are known that have evidence, where the profile asks for a basis."""
    return basis_words(decision) if any(control.least_basis for control in decision.controls) else ""


def basis_words(decision: Decision) -> str:
    """The same whatever the profile asks for; empty where nothing is known."""
    judged = [control for control in decision.controls if needed_bases(control) or control.state == "met"]
    counts = basis_counts(control.basis for control in judged)
    return ", ".join(f"{count} {BASIS_WORDS[basis]}" for basis in BASES if (count := counts[basis]))


def bases_of(control: ControlState) -> tuple[Basis, ...]:
    """The basis of each finding; declared where nobody said."""
    unknown: list[Basis] = ["declared"] * (len(control.findings) - len(control.bases))
    return (*control.bases, *unknown)


def needed_bases(control: ControlState) -> tuple[Basis, ...]:
    """The bases of the findings under a limit, on which a control's state rests."""
    pairs = zip(control.findings, bases_of(control), strict=True)
    return tuple(basis for (_, finding), basis in pairs if finding.outcome is not None)


def basis_text(control: ControlState) -> str:
    """How a control is known: ``12 measured, 1 signed; needs at least: signed``; empty where nothing is."""
    counts = basis_counts(needed_bases(control) or ([control.basis] if control.state == "met" else []))
    known = ", ".join(f"{count} {BASIS_WORDS[basis]}" for basis in BASES if (count := counts[basis]))
    least = f"needs at least: {BASIS_WORDS[control.least_basis]}" if control.least_basis else ""
    return "; ".join(filter(None, (known, least)))


def _count(decision: Decision) -> str:
    required = [control for control in decision.controls if control.enforcement == "block"]
    unmet = sum(control.blocks for control in required)
    if not required:
        return "your profile requires no control to block on"
    if unmet:
        return f"{unmet} of {len(required)} controls your profile requires {'is' if unmet == 1 else 'are'} not met"
    states = Counter("met" if control.state == "met" else marks(control.state).word for control in required)
    if set(states) == {"met"}:
        return f"all {len(required)} controls your profile requires are met"
    message = ", ".join(f"{count} {state}" for state, count in states.items())
    return f"none of {len(required)} controls your profile requires blocks: {message}"


def _waits(decision: Decision) -> bool:
    """Whether a request or approvals are all that is missing (exit code 4 comes last of all)."""
    return decision.exit == 4 and {control.state for control in blocking(decision)} <= {"awaiting-approval"}


def _refused(decision: Decision) -> tuple[str, str]:
    if _waits(decision):
        problem = decision.problems[0] if decision.problems else "approvals are missing"
        return "WAITING", f"the evidence criteria are met; {problem}"
    if decision.problems and not blocking(decision):
        return "REFUSED", "; ".join(decision.problems)
    return "REFUSED", _count(decision)


def judging(report: Report) -> tuple[GateRun, ...]:
    """The gates that count: in a preview, those with a finding under a limit, since nobody asked for the others."""
    if report.preview is None:
        return report.gates
    return tuple(run for run in report.gates if any(finding.outcome is not None for finding in run.findings))


def _checked(report: Report) -> str:
    gates = judging(report)
    bad = sum(outcome != "pass" for _, _, outcome, _ in gates)
    count = len(gates)
    if not count:
        return "no gate had anything to judge" if report.gates else "no gate ran"
    if bad:
        return f"{bad} of {count} gates did not pass"
    return f"all {count} gates pass" if count > 1 else "the gate passes"


def verdict(report: Report) -> tuple[str, str, str]:
    """The verdict: a word in capitals, what it is about, and the sentence.

    The word is ``ALLOWED``, ``TRIAL``, ``BREAK-GLASS``, ``WAITING`` or ``REFUSED``; where nothing was decided
    ``CHECKED``, for a preview ``PREVIEW``, and ``NOT CHECKED`` where no gate judged anything.
    """
    decision = report.decision
    if decision is None:
        word = "CHECKED" if report.preview is None else "PREVIEW"
        return word if judging(report) else "NOT CHECKED", report.title, _checked(report)
    rollback = decision.transition == "rollback"
    version = f"v{decision.version}" if decision.version.isdecimal() else f"({decision.version})"
    about = f"{decision.name} {version} -> production{' (rollback)' if rollback else ''}"
    if not decision.allowed:
        word, explanation = _refused(decision)
        return word, about, explanation
    if decision.transition == "break-glass":
        return "BREAK-GLASS", about, f"{decision.problems[0]}; {_count(decision)}"
    if rollback:
        return "ALLOWED", about, "an order signed on call carries it, without fresh evidence; a review is due"
    if decision.criteria_met:
        return "ALLOWED", about, _count(decision)
    if decision.transition == "trial":
        rest = _count(decision) if blocking(decision) else "otherwise nothing your profile requires is missing"
        return "TRIAL", about, f"{TRIAL_GRANT}; {rest}"
    rest = (
        "; ".join([*decision.problems, *([_count(decision)] if blocking(decision) else [])]) or "approvals are missing"
    )
    return "ALLOWED", about, f"mode {decision.mode} lets it through, enforce would not: {rest}"

"""JUnit XML for CI: one test suite per control, one test case per finding under a limit.

A failed finding is a failure; inconclusive, error, missing and stale are errors. Controls that do not block
(``warn``, ``note``, waived) show what was found as skipped, since it stops nothing.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from aims_gates.model import ControlState, Finding
from aims_gates.reports.approvals import approval_lines
from aims_gates.reports.format import about, clean, sentence, state
from aims_gates.reports.view import Report, marks, stands, verdict

__all__ = ["render"]


class _Test(NamedTuple):
    name: str
    group: str
    result: str
    said: str = ""
    kind: str = ""


def _finding(gate: str, finding: Finding, smallest: int, stops: bool, index: int) -> _Test:
    where = about(finding)
    name = f"{finding.measure}{f' [{where}]' if where else ''} #{index}"
    lines = [sentence(finding, smallest), finding.note or "", finding.remedy or ""]
    message = "\n".join(line for line in lines if line)
    outcome = state(finding) or "error"
    result = "pass" if outcome == "pass" else "skipped" if not stops else "failure" if outcome == "fail" else "error"
    return _Test(name, gate, result, message, outcome)


def _control(control: ControlState, smallest: int) -> Iterator[_Test]:
    stops = control.blocks or control.state == "met"
    judged = [(gate, finding) for gate, finding in control.findings if finding.outcome is not None]
    for index, (gate, finding) in enumerate(judged, 1):
        yield _finding(gate, finding, smallest, stops, index)
    if control.state == "met":
        result = "pass"
    elif stands(control) or not stops:
        result = "skipped"
    else:
        result = "failure" if control.state == "failed" else "error"
    message = "\n".join([control.reason, *(f"next: {text}" for text in control.next)])
    yield _Test(f"{control.control} is met", "control", result, message, control.state)


def _promotion(report: Report) -> Iterator[_Test]:
    d = report.decision
    if d is None:
        return
    for problem in d.problems:
        yield _Test("nothing else stands in the way", "promotion", "failure", problem, "refused")
    missing = {key: value for key, value in d.approvals.items() if key == "missing"}
    for line in approval_lines(missing):
        yield _Test("approvals are complete", "promotion", "error", line, "awaiting-approval")


def _suite(root: Element, name: str, tests: Iterable[_Test], at: str | None) -> None:
    cases = list(tests)
    suite = SubElement(root, "testsuite", name=clean(name), tests=str(len(cases)))
    for key, result in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(key, str(sum(test.result == result for test in cases)))
    suite.set("time", "0")
    if at:
        suite.set("timestamp", clean(at).split("+")[0].rstrip("Z"))
    for test in cases:
        case = SubElement(suite, "testcase", classname=clean(test.group), name=clean(test.name), time="0")
        first = clean(test.said.partition("\n")[0])
        if test.result == "skipped":
            SubElement(case, "skipped", message=f"{marks(test.kind).word}: {first}")
        elif test.result != "pass":
            SubElement(case, test.result, message=first, type=clean(test.kind)).text = clean(test.said)


def render(report: Report) -> str:
    """The report as JUnit XML."""
    word, where, explanation = verdict(report)
    root = Element("testsuites", name=clean(f"{word} {where}: {explanation}"))
    d = report.decision
    if d is not None:
        promotion = list(_promotion(report))
        if promotion:
            _suite(root, "promotion", promotion, d.at)
        for control in d.controls:
            _suite(root, f"{control.control} {control.title}", _control(control, report.smallest_cell), d.at)
    else:
        for gate, title, _, findings in report.gates:
            judged = [finding for finding in findings if finding.outcome is not None]
            tests = [_finding(gate, f, report.smallest_cell, True, i) for i, f in enumerate(judged, 1)]
            none = _Test("something is under a limit", gate, "error", "no finding under a limit", "inconclusive")
            _suite(root, f"{gate} {title}", tests or [none], None)
    for key in ("tests", "failures", "errors", "skipped"):
        root.set(key, str(sum(int(suite.get(key, "0")) for suite in root)))
    indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(root, encoding="unicode") + "\n"

"""In a notebook a report shows its table, details to open and pictures, and nothing from data becomes markup."""

from dataclasses import replace
from html.parser import HTMLParser

from aims_gates.model import Action, Finding, Limit
from aims_gates.reports import GateRun, Report
from aims_gates.reports.plain import PlainFinding
from aims_gates.reports.preview import Preview, PreviewControl

EVIL = "<script>alert(1)</script>"


class Tags(HTMLParser):
    """The tags and attributes of a fragment."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]


def test_a_decision_shows_controls_details_and_pictures(report: Report) -> None:
    text = report._repr_html_()
    tags = Tags(text).tags
    assert {"table", "details", "summary", "svg"} <= set(tags)
    assert "REFUSED" in text and "A.5.4" in text and "What to do" in text


def test_everything_from_data_is_escaped_and_nothing_is_loaded_or_run() -> None:
    finding = Finding(
        EVIL, 0.3, n=9, by={EVIL: EVIL}, limit=Limit("<=", 0.2), outcome="fail", note=EVIL, remedy=f"`{EVIL}`"
    )
    preview = Preview(
        (EVIL,),
        (PlainFinding(EVIL, "fail", EVIL, (EVIL,)),),
        (PreviewControl(EVIL, EVIL, (EVIL,), 1),),
        (EVIL,),
        (EVIL,),
    )
    runs = (GateRun("drift", EVIL, "fail", (finding, replace(finding, by={EVIL: "b"}))),)
    parsed = Tags(Report(EVIL, gates=runs, notes=(EVIL,), preview=preview)._repr_html_())
    assert not {"script", "img", "link", "iframe"} & set(parsed.tags)
    assert not [name for name in parsed.attributes if name.startswith("on") or name in ("src", "href")]


def test_front_ends_without_html_get_text(report: Report) -> None:
    bundle = report._repr_mimebundle_()
    assert set(bundle) == {"text/html", "text/plain"}
    assert bundle["text/plain"].startswith("REFUSED") and "\x1b" not in bundle["text/plain"]


def test_the_style_reaches_nothing_but_the_report(report: Report) -> None:
    style = report._repr_html_().split("<style>")[1].split("</style>")[0]
    rules = [line for line in style.splitlines() if "{" in line]
    assert rules and all(
        part.strip().startswith(".aims-gates") for rule in rules for part in rule.split("{")[0].split(",")
    )


def test_many_unmet_controls_stay_on_one_screen(report: Report) -> None:
    from aims_gates.reports.text import render

    assert report.decision is not None
    unmet = next(control for control in report.decision.controls if control.blocks)
    controls = tuple(replace(unmet, control=f"A.{place}") for place in range(46))
    steps = tuple(Action(f"aims-gates records new record-{place}", "record") for place in range(30))
    text = render(replace(report, decision=replace(report.decision, controls=controls, steps=steps), notes=()))
    assert len(text.splitlines()) <= 40
    assert "43 more: A.3, A.4" in text and "and 25 more" in text and "--report html:FILE" in text

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from aims_gates.model import Action, Finding, Limit
from aims_gates.reports import GateRun, Report, render
from aims_gates.reports.html import safe_link
from aims_gates.reports.pictures import pictures

VOID = {"meta", "link", "br", "wbr", "hr", "img", "input"}
EVIL = "<script>alert(1)</script>"


class Page(HTMLParser):
    """Every tag closed in order, with what the tests ask about."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.ids: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))
        self.ids += [value for name, value in attrs if name == "id" and value]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.seen if name == tag]


def test_the_page_is_balanced_and_its_ids_are_unique(report):
    page = Page(render("html", report))
    assert len(page.ids) == len(set(page.ids))
    for tag, attributes in page.seen:
        for name in (attributes.get("aria-labelledby") or "").split():
            assert name in page.ids, tag


def test_the_page_loads_nothing_and_runs_nothing(report):
    text = render("html", report)
    page = Page(text)
    assert {tag for tag, _ in page.seen}.isdisjoint({"script", "link", "img", "iframe", "object", "embed", "base"})
    assert not [name for _, attributes in page.seen for name in attributes if name.startswith("on") or name == "src"]
    assert "url(" not in text
    assert "@import" not in text
    assert not re.search(r"https?://", text)


def test_light_dark_and_print_are_styled(report):
    text = render("html", report)
    assert "prefers-color-scheme: dark" in text
    assert "@media print" in text
    assert "color-scheme: light dark" in text


def test_every_table_has_heads_and_every_picture_words(report):
    page = Page(render("html", report))
    assert all(attributes.get("scope") in ("col", "row") for attributes in page.all("th"))
    svgs = page.all("svg")
    assert len(svgs) >= 5
    assert all(attributes["role"] == "img" and attributes["aria-labelledby"] for attributes in svgs)
    assert len(page.all("desc")) == len(svgs)


def test_names_from_data_are_escaped_everywhere(report):
    finding = Finding(
        EVIL, 0.3, 0.2, 0.4, n=50, by={EVIL: EVIL}, limit=Limit("<=", 0.2), outcome="fail", note=EVIL, remedy=EVIL
    )
    other = replace(finding, by={EVIL: "b"})
    control = replace(
        report.decision.controls[1], title=EVIL, why=EVIL, reason=EVIL, next=(EVIL, f"`{EVIL}`"),
        findings=((EVIL, finding),), evidence=({"gate": EVIL, "statement": EVIL, "signers": [EVIL], "standing": EVIL},),
    )  # fmt: skip
    approvals = {"needed": [{"role": EVIL}], "given": [{"person": EVIL, "role": EVIL}], "missing": []}
    said = {"name": EVIL, "system": EVIL, "problems": (EVIL,), "steps": (Action(f"aims-gates `{EVIL}`", "people"),)}
    decision = replace(report.decision, controls=(control,), approvals=approvals, **said)
    bad = Report(
        EVIL,
        decision,
        (GateRun(EVIL, EVIL, "fail", (finding, other)),),
        (EVIL,),
        {EVIL: EVIL, "x": "javascript:alert(1)"},
    )
    text = render("html", bad)
    assert "<script" not in text
    assert "alert(1)" in text
    assert "javascript:" not in re.sub(r"<code>[^<]*</code>", "", text)
    Page(text)


@pytest.mark.parametrize(
    ("target", "safe"),
    [
        ("a/b.html", True),
        ("https://example.com", True),
        ("javascript:alert(1)", False),
        ("java\nscript:x", False),
        ("data:x", False),
    ],
)
def test_only_paths_and_web_addresses_become_links(target, safe):
    assert safe_link(target) is safe


def test_ten_thousand_groups_still_make_a_small_page_that_says_what_it_leaves_out():
    groups = tuple(
        Finding("selection_rate", index / 10_000, 0.0, 1.0, n=99, by={"branch": f"branch {index}"})
        for index in range(10_000)
    )
    limits = tuple(
        Finding("psi", 0.1, over={"column": f"c{index}"}, limit=Limit("<=", 0.2), outcome="pass")
        for index in range(3_000)
    )
    text = render("html", Report(gates=(GateRun("fairness", "Fairness", "pass", groups + limits),)))
    assert len(text.encode()) < 1_000_000
    assert "12740 more findings" in text
    assert "9980 more rows are not drawn" in text


def test_pictures_come_from_findings_and_put_what_failed_first(report):
    drawn = pictures(report.gates[0].findings)
    assert [picture.title for picture in drawn] == [
        "Worst pair of groups",
        "impact_ratio by race",
        "selection_rate by race",
        "true_positive_rate by race",
    ]
    assert drawn[1].limit is not None
    assert "race = black" in drawn[1].text
    assert [picture.title for picture in pictures(report.gates[1].findings)] == ["psi per column"]
    assert {picture.title for picture in pictures(report.gates[2].findings)} == {
        "Over all rows",
        "Difference from the champion, same rows",
    }


def test_every_mark_of_a_picture_lies_on_it():
    values = [0.0, -3.0, 1e-9, 250.0, 1e6]
    for value in values:
        found = [
            Finding(
                "m",
                value,
                value - 5,
                value * 1e9 + 1,
                n=9,
                over={"column": f"c{i}"},
                limit=Limit("<=", 0.1),
                outcome="fail",
            )
            for i in range(2)
        ]
        (picture,) = pictures(found)
        for dot in picture.dots:
            places = [dot.x, dot.low, dot.high, dot.limit]
            assert all(place is not None and picture.left <= place <= picture.right for place in places)
        assert 2 <= len(picture.ticks) <= 12


def test_a_lone_group_and_a_withheld_one_are_not_drawn():
    small = Finding("selection_rate", 0.5, n=2, by={"sex": "f"})
    large = Finding("selection_rate", 0.5, n=200, by={"sex": "m"})
    assert pictures([small, large]) == []


def test_the_empty_report_is_still_a_page():
    Page(render("html", Report()))

"""Pages for one audience each: the table of them, and their two forms.

A page is a module with ``page(facts: Facts) -> Page``; a new one is a module and a line below.
"""

from collections.abc import Mapping
from importlib import import_module
from typing import Literal, NamedTuple

from aims_gates.errors import InputError
from aims_gates.reports.pages.facts import Facts
from aims_gates.reports.pages.form import Page, Section, markdown

__all__ = ["PAGES", "Facts", "Kind", "Page", "Section", "make", "render_page"]


class Kind(NamedTuple):
    """A page that there is: its module (imported when first used), what it is about, and for whom it is."""

    module: str
    about: Literal["version", "organization"]
    summary: str


#: By name, as ``aims-gates report NAME`` has it.
PAGES: Mapping[str, Kind] = {
    "notice": Kind("aims_gates.reports.pages.notice", "version", "For the people decided about: applicants, users."),
    "operator": Kind("aims_gates.reports.pages.operator", "version", "For those who work with it: the guide."),
    "audit": Kind("aims_gates.reports.pages.audit", "version", "For the auditor: decision, evidence, glossary."),
    "authority": Kind("aims_gates.reports.pages.authority", "version", "For an authority: duties, technical file."),
    "policy-summary": Kind("aims_gates.reports.pages.policy", "organization", "For the public: the AI policy, short."),
    "board": Kind("aims_gates.reports.pages.board", "organization", "For the governing body: the last quarter."),
    "exposure": Kind("aims_gates.reports.pages.exposure", "organization", "For management: the law's largest fines."),
}


def make(name: str, facts: Facts) -> Page:
    """The page of this name.

    Raises:
        InputError: facts that it needs are missing; every one of them is named.
    """
    page: Page = import_module(PAGES[name].module).page(facts)
    facts.complete(name)
    return page


def render_page(page: Page, how: str) -> str:
    """The page as ``md`` or ``html``.

    Raises:
        InputError: there is no such format.
    """
    if how == "md":
        return markdown(page)
    if how == "html":
        from aims_gates.reports.html import page as html

        return html("sections.html", {"page": page})
    raise InputError(f"there is no format {how!r}", remedy="Choose from: md, html.")

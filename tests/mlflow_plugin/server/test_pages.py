"""Our own pages: who sees what, what a browser may do with them, and that nothing a user wrote is taken for HTML."""

# ruff: noqa: F401, F811 - fixtures are imported by name

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from html.parser import HTMLParser
from itertools import pairwise
from typing import Any
from urllib.parse import quote

import pytest
import requests
from fastapi import APIRouter, FastAPI
from sqlalchemy import event

from aims_gates import ledger
from aims_gates.attestation.statements.people import Approval, Waiver
from aims_gates.attestation.statements.registry import Creation, Registration
from aims_gates.attestation.statements.wording import say
from aims_gates.mlflow_plugin import pages
from aims_gates.mlflow_plugin.pages.frame import HEADERS, PageRoute
from aims_gates.mlflow_plugin.server.permissions import PAGES, TABLE
from aims_gates.mlflow_plugin.store.identity import acting_as
from aims_gates.model import Subject

from .conftest import Running
from .inside import PEOPLE, Inside, inside, listening, users_database
from .test_api import DIGEST, opened, ready
from .test_browsers import OPENS

#: Other databases have tests of their own; this is about what is shown.
one_database = pytest.mark.parametrize("world", ["sqlite"], indirect=True)
SCRIPT = "<script>alert(1)</script>"
_VOID = {"meta", "input", "br", "wbr", "link", "img", "hr"}


class Page(HTMLParser):
    """A page as a strict reader takes it: every element is closed, in order.

    Attributes:
        tags: Every element with its attributes.
        text: All text outside the style sheet.
    """

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert self.open == [], "these are never closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len({name for name, _ in attrs}) == len(attrs)
        self.tags.append((tag, dict(attrs)))
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data if "style" not in self.open else ""

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def read(answer: requests.Response, status: int = 200) -> Page:
    """A page with everything that each of them has."""
    assert answer.status_code == status, answer.text[-2000:]
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    page = Page(answer.text)
    names = {tag for tag, _ in page.tags}
    assert names & {"script", "iframe", "img", "link", "object", "base"} == set()
    assert not [
        value for _, attributes in page.tags for value in attributes if value.startswith("on") or value == "style"
    ]
    assert page.of("html") == [{"lang": "en"}] and len(page.of("h1")) == 1
    assert page.of("a")[0] == {"class": "skip", "href": "#main"} and page.of("main")[0]["id"] == "main"
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert len(page.of("caption")) == len(page.of("table"))
    assert all("scope" in attributes for attributes in page.of("th"))
    assert all(target["href"] and target["href"][0] in "/#?" for target in page.of("a")), "all lead to our own pages"
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch("h[1-6]", tag)]
    assert all(after - before <= 1 for before, after in pairwise(levels))
    for name, value in HEADERS.items():
        assert answer.headers[name] == value, name
    return page


@contextmanager
def denied(who: str, name: str) -> Iterator[None]:
    """MLflow lets somebody read no model of this name."""
    from mlflow.server import auth

    for kind, of in (("registered_model", name), ("registered_model_version", "*")):
        auth.store.grant_user_resource_permission(who, kind, of, "DENY")
    try:
        yield
    finally:
        for kind, of in (("registered_model", name), ("registered_model_version", "*")):
            auth.store.revoke_user_resource_permission(who, kind, of)


def place(template: str, name: str = "loan", version: str = "1") -> str:
    return template.removeprefix(PAGES).replace("{name}", quote(name, safe="")).replace("{version}", version)


ROUTES = [path for _, path in TABLE if path.startswith(PAGES)]


def test_every_page_is_in_the_table_and_every_row_is_a_page() -> None:
    routes = {route.path: route.methods for route in pages.router().routes if isinstance(route, PageRoute)}
    assert set(routes) == set(ROUTES) and {method for method, path in TABLE if path in routes} == {"GET"}
    assert all(methods == {"GET", "HEAD"} for methods in routes.values())


@one_database
def test_the_pages_of_a_version_in_production_say_what_counts(inside: Inside) -> None:
    inside.world.promoted()
    page = read(inside.page("/"))
    assert {"href": "/aims/models/loan"} in page.of("a") and "version 1" in page.text and "met" in page.text
    assert "starter" in page.text and "high" in page.text and "2 typed, unsigned" in page.text
    page = read(inside.page("/models/loan"))
    assert {"href": "/aims/models/loan/versions/1"} in page.of("a")
    for words in ("production: version 1", "version 1 granted as production", "request approved as risk", "Risk"):
        assert words in page.text, words
    assert "Nobody halted it" in page.text and "No control is waived" in page.text
    page = read(inside.page("/models/loan/versions/1"))
    for words in ("ALLOWED", "A.6.2.4", "accuracy: 0.90, limit at least 0.80, n 100", "Given: Risk as risk", "Ci"):
        assert words in page.text, words


@one_database
def test_a_version_that_is_refused_says_why_and_what_to_do_before_the_table(inside: Inside) -> None:
    inside.world.bind("loan")
    version = inside.world.model("loan")
    subject = str(inside.world.store.stage_version("loan", version))
    inside.world.evidence(subject, outcome="fail")
    inside.world.request("loan", version, subject)
    page = read(inside.page("/models/loan/versions/1"))
    order = ["REFUSED", "2 of 2 controls", "What to do", "Who signed and approved", "Needed: 1 x risk", "A.6.2.4"]
    places = [page.text.index(words) for words in order]
    assert places == sorted(places)
    assert re.search(r"performance, of \d{4}-\d\d-\d\d, counts until \d{4}-\d\d-\d\d, signed by Ci", page.text)


@one_database
def test_a_halt_and_a_waiver_stand_on_the_models_page(inside: Inside) -> None:
    inside.world.promoted()
    subject = inside.world.seen("loan").grants()[-1].predicate.digest
    waiver = Waiver("mortgage", subject, "A.7.4", "risk", "late data", "drift", "a weekly look", "2099-01-01")
    inside.world.sign(waiver, Subject("model", subject), "risk")
    inside.world.halt("loan")
    page = read(inside.page("/models/loan"))
    for words in ("It is halted", "harm seen", "late data", "a weekly look", "A.7.4 waived until 2099-01-01", "ended"):
        assert words in page.text, words
    assert "halted" in read(inside.page("/")).text


@one_database
def test_who_may_not_read_a_model_sees_it_nowhere_and_learns_nothing(inside: Inside) -> None:
    """A reader of one model does not see another in the list, nor its pages; an unknown name looks the same."""
    ready(inside)
    ready(inside, "cards")
    with denied("rita", "cards"):
        page = read(inside.page("/", "rita"))
        assert "loan" in page.text and "cards" not in page.text and "1 of 1 model" in page.text
        assert "cards" not in read(inside.page("/", "rita", q="mortgage", sort="state", down="true")).text
        for path in ("/models/{}", "/models/{}/versions/1"):
            told = [inside.page(path.format(name), "rita") for name in ("cards", "nomodel")]
            read(told[0], 404)
            assert told[0].text.replace("cards", "nomodel") == told[1].text
    assert "cards" in read(inside.page("/", "rita")).text, "the lines are made once, and filtered for each reader"
    read(inside.page("/models/cards", "rita"))
    read(inside.page("/models/loan/versions/7"), 404)
    read(inside.page("/models/loan/versions/01"), 400)
    read(inside.page("/", sort="nothing"), 400)


@one_database
def test_what_was_said_of_the_same_bytes_elsewhere_is_on_no_page_of_this_model(inside: Inside) -> None:
    inside.world.promoted("loan")
    inside.world.bind("cards")
    version = inside.world.model("cards")
    subject = str(inside.world.store.stage_version("cards", version))
    request = inside.world.request("cards", version, subject, reason="secret plans")
    inside.world.sign(Approval(request, "risk", "secret comment"), Subject("model", subject), "risk")
    with denied("rita", "cards"):
        assert "secret" not in inside.page("/models/loan", "rita").text
        assert "secret" not in inside.page("/models/loan/versions/1", "rita").text
    assert "secret plans" in inside.page("/models/cards", "rita").text


@one_database
def test_nothing_that_a_user_wrote_is_taken_for_html(inside: Inside) -> None:
    name = f"a%2Fb \"'&{SCRIPT.replace('/', '')}"
    inside.world.bind(name, system=SCRIPT, profile=SCRIPT)
    version = inside.world.model(name)
    inside.world.store.update_registered_model(name, f"see {SCRIPT} <img src=x onerror=alert(1)>")
    subject = str(inside.world.store.stage_version(name, version))
    inside.world.evidence(subject, outcome="fail")
    request = inside.world.request(name, version, subject, reason=SCRIPT)
    inside.world.sign(Approval(request, "risk", SCRIPT), Subject("model", subject), "risk")
    path = f"/models/{quote(name, safe='')}"
    for address in ("/", path, f"{path}/versions/1"):
        page = read(inside.page(address, q=SCRIPT) if address == "/" else inside.page(address))
        assert name in page.text or address == "/", address
        assert SCRIPT in page.text, address
    links = read(inside.page("/")).of("a")
    assert {"href": f"/aims{path}"} in links, "quoted once"
    read(inside.page(f"/models/{quote(SCRIPT.replace('/', ''), safe='')}"), 404)


@one_database
def test_the_list_is_sorted_and_filtered(inside: Inside) -> None:
    for name, tier in (("b", "high"), ("a", "limited"), ("c", "minimal")):
        inside.world.bind(name, tier=tier)
        inside.world.model(name)

    def names(**query: Any) -> list[str]:
        page = read(inside.page("/", **query))
        return [link["href"][-1] for link in page.of("a") if "/models/" in (link["href"] or "") for _ in [0]]  # type: ignore[index]

    assert names() == ["a", "b", "c"] and names(down="true") == ["c", "b", "a"]
    assert names(sort="tier") == ["b", "a", "c"] and names(sort="tier", down="true") == ["c", "a", "b"]
    assert names(q="LIMITED") == ["a"] and names(q="nowhere") == []
    assert {"scope": "col", "aria-sort": "descending"} in read(inside.page("/", sort="tier", down="true")).of("th")
    assert "None of the 3 models" in read(inside.page("/", q="nowhere")).text


@one_database
def test_three_hundred_models_cost_few_reads_and_the_second_look_fewer(inside: Inside) -> None:
    inside.world.bind("loan")
    inside.world.model("loan")
    read(inside.page("/", "root"))
    with inside.world.store.transaction() as transaction:
        for number in range(300):
            name = f"model-{number:03}"
            for said in (
                Creation("default", name, "model", "dora", "mlflow-auth"),
                Registration("default", name, "1", "s3://x", None, "dora", "mlflow-auth"),
            ):
                ledger.append(transaction.connection, say(said, Subject("model", DIGEST)), datetime.now(UTC))
    many = reads(inside)
    assert many <= 12, "no read per model"
    assert reads(inside) < many, "the same ledger is not gone through again"
    assert len(read(inside.page("/", "root")).of("tr")) == 302


def reads(inside: Inside) -> int:
    """How often the ledger is asked for one page of all models."""
    statements: list[str] = []

    def note(_c: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        statements.append(statement)

    event.listen(inside.world.store.engine, "before_cursor_execute", note)
    read(inside.page("/", "root"))
    event.remove(inside.world.store.engine, "before_cursor_execute", note)
    return len([statement for statement in statements if "aims_" in statement])


@one_database
def test_nobody_sees_a_page_without_signing_in(inside: Inside) -> None:
    for path in ROUTES:
        assert "not signed in" in read(inside.page(place(path), None), 401).text


def test_a_page_that_no_rule_speaks_of_is_shown_to_nobody() -> None:
    routes = APIRouter(prefix=PAGES, route_class=PageRoute)
    routes.get("/other")(lambda: "secret")
    whole = FastAPI()
    whole.include_router(routes)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        with acting_as(PEOPLE["root"]):
            await whole(scope, receive, send)

    with listening(app) as address:
        page = read(requests.get(f"{address}{PAGES}/other", timeout=30), 403)
    assert "no rule" in page.text.lower() and "secret" not in page.text


@one_database
def test_a_ledger_that_was_edited_has_no_pages(inside: Inside) -> None:
    inside.world.promoted()
    inside.world.sql("UPDATE aims_ledger SET body = body || ' '")
    for path in ROUTES[1:]:
        assert "the row was edited" in read(inside.page(place(path), "root"), 403).text.lower(), path


def test_a_real_server_serves_the_pages_to_who_signs_in(running: Running) -> None:
    for path in (f"{PAGES}/", f"{PAGES}/models/loan", f"{PAGES}/models/loan/versions/1"):
        page = running.send("GET", path, headers=OPENS)
        assert "loan" in read(page).text
        head = running.send("HEAD", path, headers=OPENS)
        assert (head.status_code, head.content) == (200, b"")
        assert all(head.headers[name] == value for name, value in HEADERS.items())
        nobody = running.send("GET", path, None, headers=OPENS)
        assert nobody.status_code == 401 and "<h1>Please sign in</h1>" in nobody.text
        assert "frame-ancestors 'none'" in nobody.headers["Content-Security-Policy"]
        for method in ("POST", "PUT", "PATCH", "DELETE", "TRACE", "OPTIONS"):
            assert running.send(method, path, headers=OPENS).status_code in (403, 404, 405), method
    read(running.send("GET", f"{PAGES}/models/nowhere", headers=OPENS), 404)
    moved = running.send("GET", PAGES, headers=OPENS, allow_redirects=False)
    assert (moved.status_code, moved.headers["Location"]) == (308, f"{PAGES}/")
    assert running.send("GET", f"{PAGES}/other").status_code == 404

"""What the server answers is on a list; everything else is 404 before MLflow sees it, whoever asks and however."""

import http.client
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest
import requests

from aims_gates.errors import InputError, RefusedError
from aims_gates.mlflow_plugin.server import routes
from aims_gates.mlflow_plugin.server.configuration import configuration
from aims_gates.mlflow_plugin.server.permissions import TABLE
from aims_gates.mlflow_plugin.server.route_table import ANY, Route, regex
from aims_gates.mlflow_plugin.server.routes import Doors, groups, listed
from tests.support import server_settings

from .conftest import PASSWORD, PROXY, Running

#: The application of a real server, made as each worker makes it, and what its list says of each of its routes.
TABLES = """
import json, logging, os, sys
from flask import Flask
from aims_gates.mlflow_plugin.app import create_app

for name in ("_MLFLOW_INTERNAL_GATEWAY_AUTH_TOKEN", "_MLFLOW_ASSISTANT_DELEGATION_SIGNING_KEY"):
    os.environ[name] = "known to a job of MLflow's"
gate = create_app()
from mlflow.server import app as flask
from aims_gates.errors import RefusedError
from aims_gates.mlflow_plugin.server.routes import open_doors

table = [[*route, group and group.id] for route, group in gate._doors.groups.items()]
natively = [[method.upper(), path] for path, known in gate.app.openapi()["paths"].items() for method in known]
left = [name for name in os.environ if "GATEWAY_AUTH_TOKEN" in name or "DELEGATION_SIGNING" in name]
flask._got_first_request = False  # the application was tried out as it was made
flask.add_url_rule("/ajax-api/3.0/mlflow/novelty", "novelty", print, methods=["POST"])
unknown = [list(route) for route in open_doors(gate.app, frozenset()).unknown]
flask.add_url_rule("/ajax-api/4.0/mlflow/registered-models/give", "give", print, methods=["POST"])
try:
    open_doors(gate.app, frozenset())
    refused = None
except RefusedError as error:
    refused = str(error)
print(json.dumps({"table": table, "natively": natively, "left": left, "unknown": unknown, "refused": refused}))
"""


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory, empty_database: bytes) -> Any:
    """Tables of the application that a worker makes."""
    folder = tmp_path_factory.mktemp("tables")
    (folder / "registry.db").write_bytes(empty_database)
    made = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", TABLES],
        cwd=folder, env=os.environ | server_settings(folder, PASSWORD),
        capture_output=True, text=True, timeout=180, check=False,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr[-3000:]
    return {**json.loads(made.stdout.splitlines()[-1]), "said": made.stderr}


def test_every_route_of_the_running_application_is_on_a_list(tables: Any) -> None:
    assert len(tables["table"]) > 500
    assert [row for row in tables["table"] if row[2] is None] == []
    walked = {(method, path.replace(":path", "")) for method, path, _ in tables["table"]}
    natively = {(method, re.sub(r"\{[^}]*\}", "{}", path)) for method, path in tables["natively"]}
    assert natively and natively <= walked, "FastAPI's own table has a route that was not found"


def test_the_list_names_no_route_that_is_gone(tables: Any) -> None:
    there = {(method, path) for method, path, _ in tables["table"]}
    later = {"/metrics", "/ajax-api/3.0/mlflow/issues/schedule/state"}  # where it is asked for; from MLflow 3.18 on
    gone = [route for route in listed() if route.method != ANY and tuple(route) not in there]
    assert [str(route) for route in gone if route.path not in later] == []


def test_what_runs_code_is_on_the_list_of_what_is_never_served(tables: Any) -> None:
    never = {group.id for group in groups() if group.serve == "never"}
    for method, path, group in tables["table"]:
        if re.search(r"assistant|skill|/jobs|sandbox|invoke$", path):
            assert group in never, (method, path, group)


def test_a_route_that_nobody_knows_is_logged_and_one_that_writes_to_models_keeps_the_server_from_starting(
    tables: Any,
) -> None:
    assert tables["unknown"] == [["POST", "/ajax-api/3.0/mlflow/novelty"]]
    assert tables["said"].count("/ajax-api/3.0/mlflow/novelty") == 1
    assert "POST /ajax-api/4.0/mlflow/registered-models/give" in tables["refused"]


def test_no_worker_keeps_a_key_by_which_mlflow_lets_its_own_processes_in_as_anybody(tables: Any) -> None:
    assert tables["left"] == []


@pytest.mark.parametrize("path", ["/x/model-versions/y", "/x/{}/artifacts/{:path}", "/api/2.0/mlflow-artifacts/new"])
def test_an_unknown_writing_route_to_anything_governed_is_refused(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for method in ("POST", "PUT", "PATCH", "DELETE", ANY, "WEBSOCKET"):
        monkeypatch.setattr(routes, "walk", lambda app, method=method: iter([Route(method, path)]))
        with pytest.raises(RefusedError, match="does not know"):
            routes.open_doors(None, frozenset())
    monkeypatch.setattr(routes, "walk", lambda app: iter([Route("GET", path)]))
    assert not routes.open_doors(None, frozenset()).decide("GET", path).served


def test_a_static_prefix_goes_before_what_is_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_MLFLOW_STATIC_PREFIX", "/tracking/")
    there = [Route("GET", f"/tracking{path}") for path in ("/", "/health", "/version", "/ajax-api/3.0/jobs/{}")]
    doors = Doors([*there, Route("GET", "/elsewhere/version")], frozenset())
    served = [path for path in ("", "/", "/health", "/version") if doors.decide("GET", f"/tracking{path}").served]
    assert served == ["", "/", "/health", "/version"] and doors.unknown == (Route("GET", "/elsewhere/version"),)
    assert doors.decide("GET", "/tracking/health").open and not doors.decide("GET", "/health").served
    assert not doors.decide("GET", "/tracking/ajax-api/3.0/jobs/1").served


def test_a_request_that_a_served_and_another_route_could_take_is_not_served() -> None:
    both = [Route("GET", "/api/2.0/mlflow/logged-models/{}"), Route("GET", "/api/2.0/mlflow/logged-models/shell")]
    doors = Doors(both, frozenset())
    assert doors.decide("GET", "/api/2.0/mlflow/logged-models/m-1").served
    assert not doors.decide("GET", "/api/2.0/mlflow/logged-models/shell").served
    assert not doors.decide("HEAD", "/api/2.0/mlflow/logged-models/shell").served


def test_optional_parts_are_served_once_they_are_named_and_all_others_never() -> None:
    doors = [Doors(listed(), frozenset(names)) for names in ((), ("mcp", "gateway"), configuration({}).serve)]
    for path in ("/api/3.0/mlflow/mcp-servers", "/api/3.0/mlflow/gateway/secrets/list", "/gateway/mlflow/v1/models"):
        assert [each.decide("GET", path).served for each in doors] == [False, True, False], path
    assert configuration({"AIMS_GATES_SERVE": " mcp, genai "}).serve == {"mcp", "genai"}
    for name in [group.id for group in groups() if group.serve != "named"]:
        with pytest.raises(InputError, match=r"never served|no optional part"):
            configuration({"AIMS_GATES_SERVE": name})


def test_what_nobody_signs_in_for_has_limits_of_its_own_and_is_health_alone() -> None:
    assert [group.id for group in groups() if not group.sign_in] == ["health"]
    assert all(group.body and group.per_minute for group in groups() if not group.sign_in)


def test_every_group_says_what_it_is_and_our_own_routes_are_all_served() -> None:
    assert all(len(group.what) > 30 and group.routes for group in groups())
    doors = Doors(listed(), frozenset())
    assert all(doors.decide(method, path.replace("{request}", "sha256:ab")).served for method, path in TABLE)


def raw(running: Running, method: str, path: str, headers: dict[str, str] | None = None) -> tuple[int, bytes]:
    """A request line exactly as it is written, signed in as an ordinary user."""
    place = urlsplit(running.address)
    connection = http.client.HTTPConnection(str(place.hostname), place.port, timeout=30)
    basic = requests.auth._basic_auth_str("dora", PASSWORD)
    connection.request(method, path, headers={"Authorization": basic, **(headers or {})})
    answer = connection.getresponse()
    try:
        return answer.status, answer.read()
    finally:
        connection.close()


@pytest.mark.parametrize("prefix", ["/ajax-api/3.0/mlflow/assistant", "/ajax-api/3.0/jobs", "/api/3.0/mlflow/skills"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
def test_what_is_never_served_is_not_there(running: Running, prefix: str, method: str) -> None:
    for rest in ("", "/", "/config", "/message", "/search", "/x/y"):
        assert raw(running, method, prefix + rest)[0] == 404, rest


@pytest.mark.parametrize(
    "path",
    [
        *(
            "/API/2.0/mlflow/experiments/search",
            "//api/2.0/mlflow/experiments/search",
            "/healthz",
            "/health/",
            "/Health",
        ),
        *("/api/2.0/mlflow/experiments/search/", "/api/2.0/mlflow//experiments/search", "/api/2.0/mlflow/novelty"),
        *(
            "/api/2.0/mlflow/experiments/./search",
            "/api/2.0/mlflow/runs/../experiments/search",
            "/openapi.json",
            "/docs",
        ),
        *("/api/2.0/mlflow/experiments%2fsearch%2f", "/api/2.0/mlflow/experiments/%2573earch", "/metrics", "/signup"),
        *("/api/2.0/mlflow/experiments/search;x", "/api/2.0/mlflow/experiments/search%3Fx", "/build/index.html", "*"),
        *(
            "/ajax-api/3.0/mlflow/%61ssistant/config",
            "/ajax-api/3.0/mlflow/assistant%2fconfig",
            "/gateway/mlflow/v1/models",
        ),
        *("/ajax-api/3.0/mlflow/x/../assistant/config", "/ajax-api/3.0/mlflow//assistant/config", "/favicon.ico"),
    ],
)
def test_a_path_that_is_not_on_the_list_letter_by_letter_is_not_there(running: Running, path: str) -> None:
    status, body = raw(running, "GET", path)
    assert status == 404 and json.loads(body)["error_code"] == "ENDPOINT_NOT_FOUND"


def test_a_refusal_says_what_to_do(running: Running) -> None:
    status, body = raw(running, "GET", "/api/3.0/mlflow/mcp-servers")
    assert status == 404 and "`aims-gates server --serve mcp`" in json.loads(body)["message"]
    assert "never served" in json.loads(raw(running, "GET", "/ajax-api/3.0/mlflow/assistant/config")[1])["message"]


def test_a_listed_path_is_served_with_its_letters_escaped_as_mlflow_would(running: Running) -> None:
    assert raw(running, "GET", "/api/2.0/mlflow/experiments/%73earch?max_results=1")[0] == 200
    assert raw(running, "HEAD", "/health") == (200, b"")


def test_the_page_and_all_that_it_loads_is_served(running: Running) -> None:
    page = running.send("GET", "/")
    assert page.status_code == 200 and "<title>MLflow</title>" in page.text
    loads = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert len(loads) >= 4
    for place in loads:
        said = running.send("GET", urljoin("/", place))
        assert said.status_code == 200 and said.content, place
    begins = ("2.0/mlflow/users/current", "3.0/mlflow/server-info", "3.0/mlflow/ui-telemetry")
    assert [running.send("GET", f"/ajax-api/{path}").status_code for path in begins] == [200] * 3


def test_every_route_that_the_page_may_call_is_on_a_list(tables: Any) -> None:
    import mlflow.server

    names, folder = set(), Path(mlflow.server.__file__).parent / "js/build/static/js"
    for script in folder.glob("*.js"):
        names |= set(re.findall(r"ajax-api/[23]\.0/[a-z0-9-]+/[a-z0-9/-]*[a-z]", script.read_text()))
    assert len(names) > 60
    found = {name: {group for _, path, group in tables["table"] if path.startswith(f"/{name}")} for name in names}
    assert {name for name in names if not found[name]} <= UNKNOWN_TO_MLFLOW_ITSELF
    served = {group.id for group in groups() if group.serve == "always"}
    off = {group for name in names if not found[name] & served for group in found[name]}
    assert off <= {"assistant", "demo", "gateway", "genai", "jobs", "mcp"}, "the page calls what nobody decided about"


#: Calls in the page's scripts for which MLflow's own server has no route.
UNKNOWN_TO_MLFLOW_ITSELF = {
    *("ajax-api/2.0/agents/chat-assessments", "ajax-api/2.0/agents/chat-completions", "ajax-api/2.0/sql/statements"),
    *("ajax-api/2.0/mlflow/get-artifact", "ajax-api/2.0/mlflow/registered-models/list"),
}


def test_another_origin_may_ask_what_it_may_send_without_signing_in_and_learns_nothing_else(running: Running) -> None:
    asks = {"Origin": "http://localhost:3000", "Access-Control-Request-Method": "POST"}
    said = running.send("OPTIONS", "/api/2.0/mlflow/runs/create", None, headers=asks)
    assert said.ok and said.headers["Access-Control-Allow-Origin"] == "http://localhost:3000"
    assert running.send("OPTIONS", "/ajax-api/3.0/jobs/search", None, headers=asks).status_code == 401
    other = running.send(
        "OPTIONS", "/api/2.0/mlflow/runs/create", None, headers={**asks, "Origin": "https://evil.example"}
    )
    assert "Access-Control-Allow-Origin" not in other.headers
    assert running.send("POST", "/api/2.0/mlflow/runs/create", None, headers=asks).status_code == 403


@pytest.mark.parametrize("name", ["X-MLflow-Assistant-Delegation", "x-mlflow-assistant-delegation"])
def test_a_header_by_which_mlflow_lets_its_own_processes_in_is_refused(running: Running, name: str) -> None:
    for who in (None, "dora"):
        for path in ("/api/2.0/mlflow/users/current", "/health"):
            assert running.send("GET", path, who, headers={name: "eyJ1c2VyIjogImFkbWluIn0.x"}).status_code == 400


def test_a_header_with_an_underscore_reaches_nobody(running: Running) -> None:
    for name in ("X_MLflow_Workspace", "x_mlflow_assistant_delegation", "X_Forwarded_User"):
        said = running.send("GET", "/api/2.0/mlflow/users/current", headers={name: "admin"})
        assert said.status_code == 200 and said.json()["user"]["username"] == "dora"


def test_a_body_where_nobody_signs_in_is_small(running: Running) -> None:
    assert running.send("GET", "/health", None, data=b"x" * 1024).status_code == 200
    assert running.send("GET", "/health", None, data=b"x" * 1025).status_code == 413


@pytest.mark.parametrize("door", ["/api/2.0/mlflow/users/list", "/ajax-api/2.0/mlflow/users/list"])
def test_a_listing_of_users_shows_an_administrator_all_and_others_themselves(running: Running, door: str) -> None:
    everybody = {user["username"] for user in running.send("GET", door, "admin").json()["users"]}
    assert everybody >= {"admin", "dora", "rita", "mallory"}
    assert [user["username"] for user in running.send("GET", door, "dora").json()["users"]] == ["dora"]
    assert running.send("GET", "/api/2.0/mlflow/users/get?username=rita", "dora").status_code == 403


def test_wrong_passwords_are_slowed_down_and_the_owner_of_the_login_is_not(running: Running) -> None:
    assert running.send("GET", "/version", "mallory").status_code == 200
    statuses = [running.send("GET", "/version", auth=("mallory", f"guess {n}")).status_code for n in range(12)]
    assert statuses[:10] == [401] * 10 and statuses[11] == 429
    said = running.send("GET", "/version", auth=("mallory", "another guess"))
    assert said.status_code == 429 and int(said.headers["Retry-After"]) >= 1
    assert said.json()["error_code"] == "REQUEST_LIMIT_EXCEEDED"
    assert running.send("GET", "/version", "mallory").status_code == 200, "who signed in before is not held up"
    assert running.send("GET", "/version", "rita").status_code == 200


def test_a_named_proxys_client_pays_for_wrong_passwords_and_not_the_proxy(running: Running) -> None:
    def guesses(address: str, count: int) -> list[int]:
        wrong = {"Authorization": requests.auth._basic_auth_str("nobody-there", "guess"), "X-Forwarded-For": address}
        return [running.from_proxy("/version", **wrong).status_code for _ in range(count)]

    assert guesses("203.0.113.80", 12)[-1] == 429 and guesses("203.0.113.81", 1) == [401]
    assert PROXY == "127.0.0.2"


def test_the_patterns_of_served_routes_do_not_reach_into_what_is_not(tables: Any) -> None:
    doors = Doors((Route(method, path) for method, path, _ in tables["table"]), frozenset())
    served = [route for route, group in doors.groups.items() if group and group.serve == "always"]
    for route in served:
        path = route.path.replace("{:path}", "p/q").replace("{}", "x")
        assert regex(route.path).fullmatch(path) and doors.decide(route.method, path).served, route

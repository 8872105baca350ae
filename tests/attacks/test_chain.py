"""The chain by which a model that answers 0 for everybody once came into production: every link of it is refused.

A READ user, a CI job and a lone approver try what they can, one link after the other, and each as if those before had
held nothing back. After each link all that is governed is as it was.
"""

import gzip
import json
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from types import ModuleType
from typing import Any

import pandas as pd
import pytest

import aims_gates
from aims_gates.attestation.statements.evidence import PortableGrant
from aims_gates.attestation.statements.types import type_of
from aims_gates.documents.canonical import folder_digest
from aims_gates.errors import RefusedError
from aims_gates.model import Evidence
from tests.attacks.chain import MARKER, PLACES, Chain, Place, alive, looking_for, served_at, through
from tests.attacks.test_carried import forged_grant
from tests.attacks.test_corpus import status_of, watching

FORWARDED = (None, "127.0.0.1", "::1", "203.0.113.7, 127.0.0.1")


@pytest.fixture(scope="module")
def servers(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, empty_database: bytes, worlds: ModuleType
) -> Iterator[Any]:
    """The server of a place: the one that runs where it is the same, else another in its stead."""
    running: dict[tuple[str, int], Chain] = {}
    with ExitStack() as stack:

        def at(place: Place) -> Chain:
            which = (place.database, place.workers)
            if which not in running:
                stack.close()
                running.clear()
                pool = lambda: request.getfixturevalue("postgresql_pool")  # noqa: E731 - started when it is needed
                folder = tmp_path_factory.mktemp(f"chain-{place.database}-{place.workers}")
                running[which] = stack.enter_context(served_at(place, folder, empty_database, pool, worlds))
            return running[which]

        yield at


@pytest.fixture(scope="module", params=PLACES, ids=str)
def way(request: pytest.FixtureRequest, servers: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chain]:
    """A server, and a way to reach it."""
    place: Place = request.param
    with through(place.front, servers(place), tmp_path_factory.mktemp("front")) as chain:
        yield chain


@pytest.fixture
def chain(way: Chain, monkeypatch: pytest.MonkeyPatch, no_server_around: None) -> Iterator[Chain]:
    """The same; what is governed is as it was before."""
    monkeypatch.setenv("AIMS_GATES_ARTIFACTS_DESTINATION", str(way.folder / "artifacts"))
    before = way.target.governed()
    assert before["aliases"] == [("loan", "production", 1)] and before["grants"] == 1
    yield way
    assert way.target.governed() == before


def refused(answer: Any, status: int, *words: str) -> bool:
    """Whether an answer has the status and all of the words; said where it has not."""
    assert answer.status_code == status, answer.text
    assert all(word in answer.text for word in words), answer.text
    return True


def behind_a_proxy(chain: Chain) -> bool:
    """Whether what is sent goes through one."""
    return str(chain.target.port) != chain.target.names["port"]


@pytest.mark.long
def test_a_read_user_gets_no_shell_on_the_server(chain: Chain, record_property: Any) -> None:
    secret = (chain.folder / "server.key").read_text().splitlines()[1]
    doors = [
        ("PUT", "config"),
        ("POST", "message"),
        ("GET", "config"),
        ("GET", "sessions/1/stream"),
    ]
    tried = 0
    for prefix in ("/ajax-api/3.0/mlflow/", "/api/3.0/mlflow/"):
        for method, door in doors:
            for address in FORWARDED:
                headers = {"X-Forwarded-For": address} if address else {}
                answer = chain.send("mallory", method, f"{prefix}assistant/{door}", json={}, headers=headers)
                assert refused(answer, 404, "does not serve", "assistant") and secret not in answer.text
                tried += 1
    record_property("requests for the assistant", tried)


@pytest.mark.long
def test_a_read_user_is_nobody_else_behind_a_proxy(chain: Chain) -> None:
    if not behind_a_proxy(chain):
        pytest.skip("a proxy that the server trusts may say who its users are, and here nobody is between")
    answer = chain.send("mallory", "GET", "/api/2.0/aims/status", headers={"X-Forwarded-User": "admin"})
    assert answer.json()["user"]["name"] == "mallory"


def test_a_child_that_the_model_leaves_does_not_make_it_pass(chain: Chain) -> None:
    with looking_for(MARKER) as children:
        code, printed = chain.run("ci", "check", "--model", "loan", "--version", "2", "--key", "ci.key")
    assert children, "the model left no child, so nothing was tried"
    assert code == 2 and "failed" in printed, printed
    assert alive(MARKER) == set()
    labels = pd.read_csv(chain.folder / "evaluation.csv").granted
    findings = _evidence(chain)[-1].predicate.findings
    assert [(each.outcome, round(each.value, 6)) for each in findings if each.measure == "accuracy"] == [
        ("fail", round(1 - labels.mean(), 6))
    ]


def test_a_ci_job_cannot_change_what_the_model_is_measured_on(chain: Chain) -> None:
    place = chain.folder / "evaluation.csv"
    labels = place.read_bytes()
    try:
        pd.read_csv(place).assign(granted=0).to_csv(place, index=False)
        code, printed = chain.run("ci", "check", "--model", "loan", "--version", "2", "--key", "ci.key")
    finally:
        place.write_bytes(labels)
    assert code == 3 and "another evaluation set than the one fixed beforehand" in printed, printed
    assert refused(chain.promoted("ci"), 403)


def test_a_lone_approver_takes_nothing_back_that_denies(chain: Chain) -> None:
    opened = chain.send("developer", "POST", "/api/2.0/aims/requests", json={"name": "loan", "version": "2"})
    assert opened.status_code == 200, opened.text
    request = f"/api/2.0/aims/requests/{opened.json()['statement']}"
    failing = [row.digest for row in _evidence(chain) if row.predicate.outcome == "fail"][-1]
    binding = chain.target.world.seen("loan").binding().digest
    asked = opened.json()["statement"]
    revocations = (
        ("risk", failing, "nobody may revoke evidence that fails"),
        ("risk", binding, "may not revoke a binding"),
        ("compliance", asked, "may not revoke a request"),  # who approved none of it
    )
    chain.send("risk", "POST", f"{request}/approve", json={"role": "risk"})
    assert refused(chain.send("risk", "POST", f"{request}/approve", json={"role": "compliance"}), 403, "role")
    for who, statement, words in revocations:
        body = {"statement": statement, "reason": "tidy"}
        assert refused(chain.send(who, "POST", "/api/2.0/aims/revoke", json=body), 403, words)
        code, printed = chain.run(who, "revoke", statement, "--reason", "tidy")
        assert code == 2 and words in printed, printed
    assert refused(chain.send("compliance", "POST", f"{request}/withdraw", json={"reason": "tidy"}), 403)
    assert refused(chain.promoted("risk"), 403)
    answer = chain.send("risk", "POST", "/api/2.0/aims/promote", json={"name": "loan", "version": "2"})
    assert refused(answer, 403)


def test_the_key_of_a_ci_job_alone_makes_no_grant_that_counts(chain: Chain) -> None:
    bytes_of_it = chain.folder / "artifacts" / chain.target.names["source2"]
    out = chain.folder / "forged.json"
    out.write_text(json.dumps(forged_grant(PortableGrant, folder_digest(bytes_of_it), chain.key)[1]))
    for keys, expected, words in (
        (("ci.pub",), 1, "two different people sign a portable grant"),
        (("ci.pub", "server.pub"), 5, "the lists of trust are not those of the checkpoint"),
        (("server.pub", "policy.pub"), 5, ""),
    ):
        trusted = [part for key in keys for part in ("--trusted-key", key)]
        code, printed = chain.run("ci", "verify-grant", str(out), str(bytes_of_it), *trusted)
        assert code == expected and words in printed and "these are the bytes" not in printed, printed
    exported = ("grant", "export", "loan", "--out", "own.json", "--key", "ci.key")
    for who in ("ci", "admin"):  # whose account may read the ledger
        code, printed = chain.run(who, *exported)
        assert code == 2 and not (chain.folder / "own.json").exists(), printed
    assert "policy" in printed, printed


def test_one_body_stops_nobody_from_being_served(chain: Chain) -> None:
    before, zeros = chain.target.used()[1], gzip.compress(b"\0" * 300_000_000, 1)
    batch = b'{"run_id":"x","metrics":[' + b"{}," * 10_000_000 + b"{}]}"
    packed = ("Content-Type: application/x-protobuf", "Content-Encoding: gzip", "X-Mlflow-Experiment-Id: 1")
    with watching(chain.target) as worst:
        for path, data, headers in (("/v1/traces", zeros, packed), ("/api/2.0/mlflow/runs/log-batch", batch, ())):
            start = time.monotonic()
            connection = chain.target.begun(f"POST {path}", f"Content-Length: {len(data)}", *headers)
            with suppress(OSError):  # a proxy hangs up on what is sent after the refusal
                connection.sendall(data)
            status = status_of(connection)
            assert " 413 " in status or (behind_a_proxy(chain) and not status), (path, status)
            assert time.monotonic() - start < 20, path
    assert worst["silent"] < 3 and worst["memory"] - before < 600


@pytest.mark.parametrize("who", ["mallory", "ci", "risk", "developer"])
def test_nobody_promotes_the_model_that_answers_0(chain: Chain, who: str) -> None:
    assert refused(chain.promoted(who), 403)
    code, printed = chain.run(who, "promote", "loan", "2")
    assert code == 2, printed


def test_what_is_loaded_is_what_was_granted(chain: Chain) -> None:
    with chain.acting("mallory"):
        for address in ("models:/loan/2", "models:/loan@champion"):
            with pytest.raises(RefusedError, match="no grant stands for loan"):
                aims_gates.load_model(address)
        rows = pd.DataFrame({"income": [4.0, 1.0], "debt": [1.0, 1.0]})
        assert list(aims_gates.load_model("models:/loan@production").predict(rows)) == [1, 0]
    assert chain.problems() == []


def _evidence(chain: Chain) -> list[Any]:
    """About the model that answers 0, the newest last."""
    digest = folder_digest(chain.folder / "artifacts" / chain.target.names["source2"])
    return [row for row in chain.target.world.all_of("loan", digest).rows if row.type == type_of(Evidence)]

"""Our HTTP routes: who may, what comes back, what is attested, and that nothing answers with a server's error."""

# ruff: noqa: F401, F811 - fixtures are imported by name

import base64
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from aims_gates.attestation.signing.envelope import open_envelope, sign
from aims_gates.attestation.statements.people import Approval, Halt, Request
from aims_gates.attestation.statements.policy import Binding, Trust, TrustedUser
from aims_gates.attestation.statements.registry import Grant
from aims_gates.attestation.statements.wording import say
from aims_gates.documents.canonical import digest_bytes
from aims_gates.ledger import merkle
from aims_gates.ledger.attest import signed_checkpoint
from aims_gates.ledger.checkpoint_folder import keep
from aims_gates.mlflow_plugin.api import router
from aims_gates.mlflow_plugin.api.answers import PermittedRoute
from aims_gates.mlflow_plugin.server.permissions import PREFIX, TABLE, Needs, requirement
from aims_gates.model import Evidence, Subject
from aims_gates.workflow.portable_grant import verify_grant

from ..conftest import plan
from .inside import USERS, Inside, inside, users_database

DIGEST = "sha256:" + "ab" * 32
#: The part of the table of permissions that is the API's; test_pages.py has the other.
API = {row: needs for row, needs in TABLE.items() if row[1].startswith(f"{PREFIX}/")}


def ready(inside: Inside, name: str = "loan") -> str:
    """A bound model with evidence; gives its version's digest."""
    inside.world.bind(name)
    version = inside.world.model(name)
    found = str(inside.world.store.stage_version(name, version))
    inside.world.evidence(found)
    return found


def opened(inside: Inside, who: str = "dora") -> str:
    said = inside.post("/requests", who, name="loan", version="1", reason="it is better")
    assert said.status_code == 200, said.text
    return str(said.json()["statement"])


def body_for(path: str) -> dict[str, Any]:
    """A body that has the right shape."""
    common = {"name": "loan", "version": "1", "reason": "because"}
    envelope = sign(say(Halt("default", "loan", "x"), Subject("model", DIGEST)), _stranger()).to_json()
    bodies: dict[str, dict[str, Any]] = {
        "/statements": {"envelope": envelope},
        "/requests": common,
        "/requests/{request}/withdraw": {"reason": "x"},
        "/requests/{request}/approve": {"role": "risk"},
        "/requests/{request}/reject": {"role": "risk", "reason": "x"},
        "/waive": {
            "name": "loan",
            "version": "1",
            "control": "A.7.4",
            "role": "risk",
            "reason": "x",
            "risk": "y",
            "compensating_control": "z",
            "until": "2030-01-01",
        },
        "/revoke": {"statement": DIGEST, "reason": "x"},
        "/halt": {"name": "loan", "reason": "x"},
        "/resume": {"name": "loan", "reason": "x"},
        "/rollback": common,
        "/grants/export": {"name": "loan"},
        "/stage": {"name": "loan", "version": "1"},
        "/promote": {"name": "loan", "version": "1"},
    }
    return bodies.get(path, {})


def query_for(path: str) -> dict[str, Any]:
    queries: dict[str, dict[str, Any]] = {
        "/ledger/rows": {"term": "model default/loan"},
        "/ledger/terms": {"prefix": "model "},
        "/ledger/consistency": {"first": 1, "second": 1},
        "/ledger/inclusion": {"position": 0, "size": 1},
        "/statements": {"digest": DIGEST},
        "/plan": {"name": "loan"},
        "/explain": {"name": "loan", "version": "1"},
    }
    return queries.get(path, {})


def _stranger() -> Any:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from aims_gates.attestation.signing.keys import Key

    return Key(Ed25519PrivateKey.generate())


def ask(inside: Inside, method: str, template: str, who: str | None) -> Any:
    path = template.removeprefix(PREFIX)
    place = path.replace("{request}", DIGEST)
    if method == "GET":
        return inside.get(place, who, **query_for(path))
    return inside.post(place, who, **body_for(path))


def test_every_route_is_in_the_table_and_every_row_is_a_route(inside: Inside) -> None:
    routes = {
        (method, route.path)
        for route in router().routes
        if isinstance(route, PermittedRoute)
        for method in route.methods or ()
    }
    assert routes == set(API)
    assert requirement("GET", f"{PREFIX}/other") is None


def test_nobody_comes_in_without_signing_in(inside: Inside) -> None:
    for method, path in API:
        said = ask(inside, method, path, None)
        assert (said.status_code, said.json()["error_code"]) == (401, "UNAUTHENTICATED"), path


def test_each_route_asks_what_its_row_says(inside: Inside) -> None:
    """Somebody whom MLflow forbids the model, and whom the trust list does not know, gets nowhere but where all may."""
    from mlflow.server import auth

    ready(inside)
    request = opened(inside)
    for kind in ("registered_model", "registered_model_version"):
        name = "loan" if kind == "registered_model" else "*"
        auth.store.grant_user_resource_permission("nobody", kind, name, "DENY")
    try:
        for (method, path), needs in API.items():
            said = ask(inside, method, path, "nobody")
            if path.endswith("/terms"):
                assert said.json() == {"terms": []}
            elif path.endswith("/requests") and method == "GET":
                assert said.json() == []
            elif needs is Needs.SIGNED_IN:
                assert said.status_code == 200, (path, said.text)
            else:
                assert said.status_code in (403, 404), (path, said.text)
        for path in (f"/requests/{request}", f"/statements?digest={request}"):
            assert inside.get(path, "nobody").status_code == 404
        said = inside.post(f"/requests/{request}/approve", "nobody", role="risk")
        assert said.status_code == 404
        assert inside.post(f"/requests/{request}/approve", "rita", role="risk").status_code == 200
        for term in (f"request {request}", f"statement {request}", "version default/loan/1", "decision default/loan"):
            assert inside.get("/ledger/rows", "nobody", term=term).status_code == 403, term
    finally:
        for kind in ("registered_model", "registered_model_version"):
            auth.store.revoke_user_resource_permission("nobody", kind, "loan" if kind == "registered_model" else "*")


def test_two_users_approve_and_a_third_promotes_with_http_alone(inside: Inside) -> None:
    found = ready(inside)
    refused = inside.post("/promote", "root", name="loan", version="1")
    assert refused.status_code == 403 and refused.json()["aims_controls"]
    request = opened(inside)
    own = inside.post(f"/requests/{request}/approve", "dora", role="risk")
    assert own.status_code == 403 and "does not hold the role" in own.json()["message"]
    said = inside.post(f"/requests/{request}/approve", "rita", role="risk", comment="looked at the slices")
    assert said.status_code == 200 and said.json()["by"] == ["Rita"]
    assert inside.get("/explain", "rita", name="loan", version="1").json()["allowed"] is True
    done = inside.post("/promote", "root", name="loan", version="1")
    assert done.status_code == 200 and done.json() == {
        "digest": found, "name": "loan", "version": "1", "alias": "production"
    }  # fmt: skip
    assert inside.get(f"/requests/{request}").json()["state"] == "granted"
    assert [row.predicate.request for row in inside.world.seen("loan").rows if isinstance(row.predicate, Grant)] == [
        request
    ]


def test_what_is_attested_names_the_user_and_never_what_the_body_says(inside: Inside) -> None:
    ready(inside)
    request = opened(inside)
    forged = inside.post(f"/requests/{request}/approve", "dora", role="risk", user="rita")
    assert forged.status_code == 400 and "user" in forged.json()["message"]
    inside.post(f"/requests/{request}/approve", "rita", role="risk")
    row = inside.get("/ledger/rows", "rita", term=f"request {request}").json()["rows"][-1]
    statement = json.loads(base64.b64decode(json.loads(row["body"])["envelope"]["payload"]))
    assert statement["predicate"]["user"] == "rita"


def test_a_personal_key_cannot_speak_for_a_user(inside: Inside) -> None:
    subject = ready(inside)
    request = opened(inside)
    for signer in ("risk", "dev", "stranger"):
        forged = say(Approval(request, "risk", user="rita"), Subject("model", subject))
        said = inside.post("/statements", "dora", envelope=sign(forged, inside.world.key(signer)).to_json())
        assert said.status_code == 403, said.text
    bare = say(Approval(request, "risk"), Subject("model", subject))
    said = inside.post("/statements", "dora", envelope=sign(bare, inside.world.key("server")).to_json())
    assert said.status_code == 403
    good = sign(say(Approval(request, "risk"), Subject("model", subject)), inside.world.key("risk")).to_json()
    first, again = (inside.post("/statements", "nobody", envelope=good).json() for _ in range(2))
    assert first["by"] == ["Risk"] and first == again


def test_who_had_a_hand_in_it_approves_nothing_by_key_or_login(inside: Inside) -> None:
    ready(inside)
    inside.trust_users(*(TrustedUser("dora", "Dora", ("developer", "risk")), *USERS[1:]))
    request = opened(inside)
    assert inside.post(f"/requests/{request}/approve", "dora", role="risk").status_code == 200
    said = inside.get("/explain", name="loan", version="1").json()
    assert not said["allowed"] and said["approvals"]["refused"][0]["person"] == "Dora"


def test_a_service_account_is_no_person_and_acts_for_one(inside: Inside) -> None:
    ready(inside)
    assert inside.post("/requests", "orphan", name="loan", version="1").status_code == 403
    request = opened(inside, "robot")
    said = inside.get(f"/requests/{request}").json()
    assert (said["asked"]["user"], said["asked"]["on_behalf_of"]) == ("robot", "dora")
    assert inside.post(f"/requests/{request}/approve", "robot", role="risk").status_code == 403
    inside.trust_users(*(TrustedUser("dora", "Dora", ("risk",)), *USERS[1:]))
    inside.post(f"/requests/{request}/approve", "dora", role="risk")
    refused = inside.get("/explain", name="loan", version="1").json()["approvals"]["refused"]
    assert [each["person"] for each in refused] == ["Dora"], "the one who started the job had a hand in it"


def test_who_may_not_ask_has_no_bytes_copied(inside: Inside) -> None:
    inside.world.bind("loan")
    inside.world.model("loan")
    for who, said in (("olga", "may not say this"), ("nobody", "does not know the login")):
        refused = inside.post("/requests", who, name="loan", version="1")
        assert refused.status_code == 403 and said in refused.json()["message"]
    assert not list(inside.world.folder.rglob("aims-released/*"))


def test_without_sign_in_nothing_is_attested(inside: Inside) -> None:
    ready(inside)
    assert inside.get("/explain", "anyone", name="loan", version="1").status_code == 200
    said = inside.post("/requests", "anyone", name="loan", version="1")
    assert said.status_code == 403 and "signed in" in said.json()["message"]


def test_a_server_without_a_key_attests_nothing(inside: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    ready(inside)
    monkeypatch.delenv("AIMS_GATES_KEY")
    said = inside.post("/requests", name="loan", version="1")
    assert said.status_code == 403 and "no key" in said.json()["message"]
    assert inside.get("/status").json()["key"] is None


def test_a_revoked_user_or_server_counts_for_nothing(inside: Inside) -> None:
    from aims_gates.attestation.statements.policy import KeyRevocation

    ready(inside)
    request = opened(inside)
    inside.post(f"/requests/{request}/approve", "rita", role="risk")
    assert inside.get("/explain", name="loan", version="1").json()["allowed"]
    said = KeyRevocation("user:rita", "the password was stolen", 0)
    inside.world.sign(said, Subject("organization", digest_bytes(b"key")), "policy")
    assert not inside.get("/explain", name="loan", version="1").json()["allowed"]
    assert inside.post(f"/requests/{request}/approve", "rita", role="risk").status_code == 403
    assert inside.post(f"/requests/{request}/approve", "carl", role="risk").status_code == 200
    assert inside.get("/explain", name="loan", version="1").json()["allowed"]
    server = KeyRevocation(inside.world.key("server").public, "the machine was broken into", 0)
    inside.world.sign(server, Subject("organization", digest_bytes(b"key")), "policy")
    assert not inside.get("/explain", name="loan", version="1").json()["allowed"]


def test_halt_rollback_waive_revoke_withdraw_reject(inside: Inside) -> None:
    ready(inside)
    request = opened(inside)
    waived = {
        "name": "loan",
        "version": "1",
        "control": "A.7.4",
        "role": "risk",
        "reason": "late data",
        "risk": "drift",
        "compensating_control": "weekly look",
        "until": "2099-01-01",
    }
    assert inside.post("/waive", "rita", **waived).status_code == 400
    assert inside.post(f"/requests/{request}/reject", "rita", role="risk", reason="no").json()["by"] == ["Rita"]
    assert inside.post(f"/requests/{request}/approve", "carl", role="risk").status_code == 400
    request = opened(inside)
    assert inside.post(f"/requests/{request}/withdraw", "dora", reason="too early").status_code == 200
    request = opened(inside)
    inside.post(f"/requests/{request}/approve", "rita", role="risk")
    assert inside.post("/promote", "root", name="loan", version="1").status_code == 200
    assert inside.post("/halt", "dora", name="loan", reason="harm").status_code == 403
    halted = inside.post("/halt", "olga", name="loan", reason="harm")
    assert halted.json()["aliases"] == ["production"] and halted.json()["reaches"] == ["loan version 1"]
    assert inside.post("/resume", "dora", name="loan", reason="fine").status_code == 403
    assert inside.post("/resume", "rita", name="loan", reason="it was another").json()["by"] == ["Rita"]
    inside.post("/halt", "olga", name="loan", reason="it was not")
    back = inside.post("/rollback", "olga", name="loan", version="1", reason="the halt was wrong")
    assert back.status_code == 200, back.text
    grant = [row for row in inside.world.seen("loan").rows if isinstance(row.predicate, Grant)][-1]
    assert inside.post("/revoke", "rita", statement=grant.digest, reason="wrong").status_code == 403
    revoked = inside.post("/revoke", "olga", statement=grant.digest, reason="wrong")
    assert revoked.status_code == 200
    assert inside.post("/resume", "dora", name="loan", reason="fixed").status_code == 403
    assert inside.post("/resume", "rita", name="loan", reason="fixed").json()["by"] == ["Rita"]
    assert inside.world.seen("loan").standing("production", grant.at) is None


def test_nothing_is_on_trial_where_a_registry_is_served(inside: Inside) -> None:
    ready(inside)
    size = inside.get("/ledger").json()["size"]
    on_trial = Binding("default", "loan", "model", plan(trial=True), DIGEST)
    said = sign(say(on_trial, Subject("system", DIGEST, "mortgage")), inside.world.key("policy")).to_json()
    answer = inside.post("/statements", "dora", envelope=said)
    assert answer.status_code == 403 and "a trial profile is for an embedded registry" in answer.text
    assert inside.get("/ledger").json()["size"] == size


def test_the_first_trust_list_is_an_administrators(
    empty_database: bytes,
    inside: Inside,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from mlflow.server import handlers

    from aims_gates.mlflow_plugin.store.store import gated_store

    (inside.world.folder / "fresh.db").write_bytes(empty_database)
    fresh = gated_store(f"aims+sqlite:///{inside.world.folder / 'fresh.db'}")
    monkeypatch.setattr(handlers, "_model_registry_store", fresh)
    from aims_gates.attestation.statements.policy import TrustedKey

    mine = TrustedKey(inside.world.key("policy").public, "Me", ("policy",))
    said = sign(say(Trust(1, (mine,)), Subject("organization", DIGEST)), inside.world.key("policy")).to_json()
    assert inside.post("/statements", "dora", envelope=said).status_code == 403
    assert inside.post("/statements", "root", envelope=said).status_code == 200
    fresh._dispose_engine()


def test_the_whole_ledger_is_for_auditors_and_verifies(inside: Inside) -> None:
    ready(inside)
    assert inside.get("/ledger/export", "dora").status_code == 403
    head = inside.get("/ledger").json()
    rows = inside.get("/ledger/export", "audrey").json()["rows"]
    leaves = [merkle.leaf_hash(row["body"].encode()) for row in rows]
    assert merkle.root(leaves).hex() == head["root"] and len(rows) == head["size"]
    assert inside.get("/ledger/verify", "audrey").json()["ok"] is True
    assert inside.get("/ledger/reconcile", "root").json()["problems"] == []
    size = head["size"]
    proof = inside.get("/ledger/inclusion", position=1, size=size).json()
    path = [bytes.fromhex(each) for each in proof["hashes"]]
    assert merkle.verify_inclusion(1, size, leaves[1], path, bytes.fromhex(head["root"]))
    proof = inside.get("/ledger/consistency", first=2, second=size).json()
    path = [bytes.fromhex(each) for each in proof["hashes"]]
    assert merkle.verify_consistency(2, size, path, merkle.root(leaves[:2]), bytes.fromhex(head["root"]))
    assert inside.get("/ledger/inclusion", position=size, size=size).status_code == 400
    assert inside.get("/ledger/consistency", first=1, second=size + 1).status_code == 404


def test_what_another_workspace_said_of_the_same_bytes_is_not_among_their_rows(inside: Inside) -> None:
    ready(inside)
    subject = Subject("model", DIGEST)
    at, data = datetime.now(UTC).isoformat(), {"evaluation": digest_bytes(b"e")}
    for workspace in ("default", "elsewhere"):
        facts = {"workspace": workspace, "name": "loan", "version": "1"}
        said = Evidence("performance", DIGEST, {}, (), "pass", at, data, {"evaluation": 1}, facts=facts)
        inside.world.sign(said, subject, "ci")

    def told(who: str) -> list[Any]:
        found = inside.get("/ledger/rows", who, term=f"subject {subject.digest}").json()["rows"]
        entries = (json.loads(row["body"]).get("envelope") for row in found)
        said = [json.loads(base64.b64decode(each["payload"]))["predicate"] for each in entries if each]
        return sorted(each["aims"]["facts"]["workspace"] for each in said if each.get("aims", {}).get("facts"))

    assert told("dora") == ["default"] and told("root") == ["default", "elsewhere"]


def test_pages_of_rows_join_to_the_whole(inside: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    from aims_gates.ledger.remote import Remote
    from aims_gates.mlflow_plugin.api import reading

    ready(inside)
    whole = inside.get("/ledger/export", "root").json()["rows"]
    monkeypatch.setattr(reading, "_PAGE_ROWS", 2)
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "root")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "root")
    server = Remote(inside.address)
    assert [(row["position"], row["body"]) for row in whole] == list(server.everything())
    server.close()


def test_the_server_signs_a_checkpoint(inside: Inside) -> None:
    from aims_gates.attestation.signing.envelope import Envelope
    from aims_gates.ledger.checkpoint import claimed

    envelope = Envelope.from_json(inside.post("/checkpoint").json()["envelope"])
    open_envelope(envelope, [inside.world.key("server").public])
    assert claimed(envelope).root == inside.get("/ledger").json()["root"]
    inside.trust_users()
    assert inside.get("/checkpoint").status_code == 200
    from aims_gates.attestation.statements.policy import KeyRevocation

    gone = KeyRevocation(inside.world.key("server").public, "lost")
    inside.world.sign(gone, Subject("organization", digest_bytes(b"key")), "policy")
    assert inside.get("/checkpoint").status_code == 403


def test_the_server_issues_a_grant_to_carry_on_a_checkpoint_that_another_signed(
    inside: Inside, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = inside.world
    said = inside.post("/grants/export", name="loan")
    assert said.status_code == 403 and "another key than its own" in said.json()["message"]
    folder = tmp_path / "kept"
    folder.mkdir()
    monkeypatch.setenv("AIMS_GATES_CHECKPOINTS", str(folder))
    world.promoted()
    with world.store.primary() as session:
        older = keep(session.connection(), folder, world.key("policy"), datetime.now(UTC))
    assert older is not None
    inside.trust_users(*USERS, TrustedUser("pat", "Pat", ("policy",)))
    with world.store.primary() as session:
        keep(session.connection(), folder, world.key("server"), datetime.now(UTC))
    said = inside.post("/grants/export", name="loan", days=20)
    assert said.status_code == 200, said.text
    path, (model,) = tmp_path / "loan.grant.json", (world.folder / "models").iterdir()
    path.write_text(json.dumps(said.json()["file"]))
    trusted = (world.key("server").public, world.key("policy").public)
    grant = verify_grant(path, model, trusted, datetime.now(UTC))
    assert (grant.signers, grant.checkpoint_signers) == (trusted[:1], trusted[1:])
    assert grant.said.until == said.json()["until"]

    for path in folder.iterdir():
        path.unlink()
    with world.store.primary() as session:
        own, others = (
            signed_checkpoint(session.connection(), world.key(person), datetime.now(UTC)).to_json()
            for person in ("server", "policy")
        )
    said = inside.post("/grants/export", name="loan", checkpoint=own)
    assert said.status_code == 403 and "signed the checkpoint too" in said.json()["message"]
    assert inside.post("/grants/export", name="loan", checkpoint=others).status_code == 200
    assert inside.post("/grants/export", "nobody", name="loan", checkpoint=others).status_code == 403
    assert inside.post("/grants/export", name="loan", days=181, checkpoint=others).status_code == 400
    monkeypatch.delenv("AIMS_GATES_KEY")
    assert inside.post("/grants/export", name="loan", checkpoint=others).status_code == 403


MALFORMED: list[tuple[str, dict[str, Any]]] = [
    ("/promote", {"name": "a/b", "version": "1"}),
    ("/promote", {"name": "loan", "version": "01"}),
    ("/promote", {"name": "loan", "version": 1}),
    ("/promote", {"name": "loan"}),
    ("/promote", {"name": "loan", "version": "1", "more": 1}),
    ("/halt", {"name": "a\x00b", "reason": "x"}),
    ("/halt", {"name": "a\x9bb", "reason": "x"}),
    ("/halt", {"name": "loan", "reason": "calm\x1b[2Jdown"}),
    ("/waive", {**body_for("/waive"), "risk": "none\x9b1m"}),
    ("/revoke", {"statement": "sha256:zz", "reason": "x"}),
    ("/statements", {"envelope": {}}),
    ("/statements", {"envelope": {"payloadType": "x", "payload": "!", "signatures": [{"sig": "!"}]}}),
]


def test_what_cannot_be_meant_is_a_400(inside: Inside) -> None:
    for path, body in MALFORMED:
        said = inside.post(path, "root", **body)
        assert said.status_code == 400 and said.json()["error_code"] == "INVALID_PARAMETER_VALUE", said.text


def test_bytes_that_are_no_json_are_a_400(inside: Inside) -> None:
    import requests

    place = f"{inside.address}{PREFIX}/halt"
    for data in (b"", b"{", b"\xff", b'{"name": "\\ud800", "reason": "x"}', b"[]", b"[" * 100_000):
        headers = {"content-type": "application/json"}
        said = requests.post(place, data=data, headers=headers, auth=("root", "root"), timeout=30)
        assert said.status_code == 400 and said.json()["error_code"] == "INVALID_PARAMETER_VALUE", (data[:9], said.text)


def test_what_is_not_there_is_a_404(inside: Inside) -> None:
    assert inside.post("/promote", "root", name="loan", version="1").status_code == 404
    assert inside.post("/halt", "olga", name="loan", reason="x").status_code == 404
    assert inside.get("/plan", name="loan").status_code == 404
    assert inside.get(f"/requests/{DIGEST}").status_code == 404
    assert inside.get("/statements", digest=DIGEST).status_code == 404


def test_the_document_describes_our_routes_and_their_refusals(inside: Inside) -> None:
    made = inside.get("/openapi.json").json()
    assert {(method.upper(), path) for path, methods in made["paths"].items() for method in methods} == set(API)
    for methods in made["paths"].values():
        for operation in methods.values():
            assert operation["description"] and {"400", "401", "403", "404", "409"} <= set(operation["responses"])


def test_status_says_who_you_are(inside: Inside) -> None:
    said = inside.get("/status", "rita").json()
    assert said["user"] == {
        "name": "rita", "via": "mlflow-auth", "admin": False, "service": False, "person": "Rita", "roles": ["risk"],
    }  # fmt: skip
    assert said["key"] == inside.world.key("server").public and said["ledger"] == inside.get("/ledger").json()


def test_a_request_keeps_its_old_form_without_a_user() -> None:
    said = say(Request("default", "loan", "1", DIGEST, DIGEST, (), said_at="2026-01-01"), Subject("model", DIGEST))
    assert "user" not in said.predicate and "on_behalf_of" not in said.predicate

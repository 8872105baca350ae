"""Who is there: passwords, verified tokens, a trusted proxy; and nobody, who gets nothing."""

import base64
import hmac
import json
import re
import time
import warnings
from typing import Any

import jwt
import pytest
import requests
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from aims_gates.attestation.signing.envelope import open_envelope
from aims_gates.errors import InputError, RefusedError
from aims_gates.ledger.checkpoint_folder import hold, read_kept
from aims_gates.mlflow_plugin.server import oidc
from aims_gates.mlflow_plugin.server.configuration import Issuer, configuration
from aims_gates.mlflow_plugin.server.oidc import Tokens
from aims_gates.mlflow_plugin.store.identity import Principal

from .conftest import PASSWORD, PROXY, Provider, Running

STATUS = "/api/2.0/aims/status"


def routes() -> list[tuple[str, str]]:
    """Every route of MLflow's, with something in the place of each parameter."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from mlflow.server import app
        from mlflow.server.fastapi_app import app as native

    flask = [(verb, rule.rule) for rule in app.url_map.iter_rules() for verb in rule.methods or ()]
    fast = [(verb, route.path) for route in native.routes for verb in getattr(route, "methods", None) or ()]
    shown = {(verb, re.sub(r"<[^>]*>|\{[^}]*\}", "x", path)) for verb, path in [*flask, *fast]}
    return sorted(shown - {("GET", "/health"), ("HEAD", "/health"), ("OPTIONS", "/health")})


def test_nobody_gets_an_answer_but_health(running: Running) -> None:
    with requests.Session() as session:
        session.trust_env = False
        assert session.get(f"{running.address}/health").status_code == 200
        for verb, path in [*routes(), ("GET", STATUS), ("GET", "/healthy"), ("GET", "/version"), ("PUT", "/nowhere")]:
            said = session.request(verb, f"{running.address}{path}", json={} if verb == "POST" else None, timeout=30)
            assert said.status_code == 401, (verb, path, said.status_code)
        assert said.json()["error_code"] == "UNAUTHENTICATED"
        assert said.headers["WWW-Authenticate"].startswith("Basic")


def test_a_password_signs_in_and_a_wrong_one_does_not(running: Running) -> None:
    said = running.send("GET", STATUS).json()["user"]
    assert (said["name"], said["via"], said["admin"], said["service"]) == ("dora", "mlflow-auth", False, False)
    assert running.send("GET", STATUS, "admin").json()["user"]["admin"] is True
    for auth in (("dora", "wrong"), ("dora", ""), ("", PASSWORD), ("nobody", PASSWORD), ("dora\x00", PASSWORD)):
        assert running.send("GET", STATUS, auth=auth).status_code == 401
    for header in ("", "Basic", "Basic !!!!", "Digest x", "Bearer", f"Basic {'A' * 4000}"):
        assert running.send("GET", STATUS, None, headers={"Authorization": header}).status_code == 401, header


def bearer(running: Running, token: str, path: str = STATUS, method: str = "GET", **what: Any) -> requests.Response:
    headers = {"Authorization": f"Bearer {token}"}
    return requests.request(method, f"{running.address}{path}", headers=headers, timeout=30, **what)


def test_a_persons_token_signs_the_person_in(running: Running, people: Provider) -> None:
    said = bearer(running, people.token(sub="ada"))
    user = said.json()["user"]
    assert (user["name"], user["via"], user["admin"], user["service"]) == ("ada", "oidc", False, False)
    assert bearer(running, people.token(sub="ada"), "/api/2.0/mlflow/experiments/search?max_results=1").ok


def test_an_administrator_comes_by_password_only(running: Running, people: Provider) -> None:
    said = bearer(running, people.token(sub="admin"))
    assert said.status_code == 401 and "administrator" in said.json()["message"]
    assert running.from_proxy(STATUS, **{"X-Forwarded-User": "admin"}).status_code == 401


def hmac_signed(claims: dict[str, Any], secret: bytes, id: str) -> str:
    """A token that takes the issuer's public key for a shared secret; PyJWT would not make one."""
    head = {"alg": "HS256", "typ": "JWT", "kid": id}
    text = b".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in (head, claims))
    signed = base64.urlsafe_b64encode(hmac.digest(secret, text, "sha256")).rstrip(b"=")
    return f"{text.decode()}.{signed.decode()}"


def test_a_token_that_does_not_hold_signs_nobody_in(running: Running, people: Provider, jobs: Provider) -> None:
    now = int(time.time())
    (id, key), *_ = people.keys.items()
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    claims = {"iss": people.address, "aud": "aims-gates", "sub": "ada", "iat": now, "exp": now + 300}
    tokens = {
        "expired": people.token(exp=now - 100, iat=now - 400),
        "endless": people.token(exp=None),
        "from the future": people.token(iat=now + 3600, nbf=now + 3600),
        "for others": people.token(aud="others"),
        "for nobody": people.token(aud=None),
        "of nobody": people.token(sub=None),
        "of a number": jwt.encode({**claims, "sub": 5}, key, algorithm="RS256", headers={"kid": id}),
        "of a line": people.token(sub="ada\nadmin"),
        "from elsewhere": people.token(iss="https://elsewhere.example"),
        "from the wrong one": people.token(iss=jobs.address, org="ours"),
        "unsigned": jwt.encode(claims, None, algorithm="none", headers={"kid": id}),
        "signed with the public key": hmac_signed(claims, public, id),
        "without a key's id": jwt.encode(claims, key, algorithm="RS256"),
        "a service of others": jobs.token(sub="build", org="others", actor="ada"),
        "a service of nobody's": jobs.token(sub="build", actor="ada"),
        "altered": people.token()[:-6] + "AAAAAA",
        "no token": "a.b.c",
        "deep": "[" * 3000,
    }
    for why, token in tokens.items():
        said = bearer(running, token)
        assert said.status_code == 401, (why, said.text)


def test_a_proxy_names_users_only_from_its_own_address(running: Running) -> None:
    said = running.from_proxy(STATUS, **{"X-Forwarded-User": "pia"}).json()["user"]
    assert (said["name"], said["via"]) == ("pia", "proxy-header")
    assert running.from_proxy(STATUS).status_code == 401
    for name in ("", "pia, admin", "p" * 300, "pi\ta"):
        assert running.from_proxy(STATUS, **{"X-Forwarded-User": name}).status_code == 401, name
    forged = {"X-Forwarded-User": "pia", "X-Forwarded-For": PROXY, "Forwarded": f"for={PROXY}", "X-Real-IP": PROXY}
    assert running.send("GET", STATUS, None, headers=forged).status_code == 401
    assert running.send("GET", STATUS, headers=forged).json()["user"]["name"] == "dora"


def service(address: str) -> Tokens:
    return Tokens((Issuer(address, "aims-gates", service=True, actor="actor", claims={"org": "ours"}),))


def test_a_service_carries_the_human_or_nobody(provider: Provider) -> None:
    tokens = service(provider.address)
    said = tokens.principal(provider.token(sub="build", org="ours", actor="ada"))
    assert said == Principal("build", "oidc", False, True, "ada") and said.human == "ada"
    for actor in (None, "", " ada", 7, "a" * 300):
        assert tokens.principal(provider.token(sub="build", org="ours", actor=actor)).human is None


def test_keys_rotate_and_are_not_asked_for_by_every_stranger(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens = Tokens((Issuer(provider.address, "aims-gates"),))
    old = provider.token()
    assert tokens.principal(old).name == "ada" and provider.asked == 1
    provider.rotate("second")
    for _ in range(20):
        with pytest.raises(RefusedError, match="not known"):
            tokens.principal(provider.token())
    assert provider.asked == 1
    monkeypatch.setattr(oidc, "_AGAIN_SECONDS", -1.0)
    assert tokens.principal(provider.token()).name == "ada" and provider.asked == 2
    with pytest.raises(RefusedError, match="not known"):
        tokens.principal(old)


def test_an_issuer_that_is_silent_or_calls_itself_otherwise_signs_nobody_in(provider: Provider) -> None:
    token = provider.token()
    keys = oidc.Keys(provider.address)
    provider.address = "http://127.0.0.1:9"
    with pytest.raises(RefusedError, match="cannot be had"):
        keys.key("first")
    with pytest.raises(RefusedError, match="cannot be had"):
        oidc.Keys("http://127.0.0.1:9").key("first")
    with pytest.raises(RefusedError, match="https"):
        oidc.Keys("http://example.org").key("first")
    with pytest.raises(RefusedError, match="no issuer"):
        Tokens(()).principal(token)


@pytest.mark.parametrize(
    ("said", "where"),
    [
        ({"AIMS_GATES_AUTH": "basic,none"}, "AIMS_GATES_AUTH"),
        ({"AIMS_GATES_AUTH": "kerberos"}, "AIMS_GATES_AUTH"),
        ({"AIMS_GATES_AUTH": "oidc"}, "AIMS_GATES_OIDC"),
        ({"AIMS_GATES_AUTH": "proxy"}, "AIMS_GATES_TRUSTED_PROXIES"),
        ({"AIMS_GATES_AUTH": "proxy", "AIMS_GATES_TRUSTED_PROXIES": "everybody"}, "AIMS_GATES_TRUSTED_PROXIES"),
        ({"AIMS_GATES_MAX_BODY": "-1"}, "AIMS_GATES_MAX_BODY"),
        ({"AIMS_GATES_MAX_BODY": "1e9"}, "AIMS_GATES_MAX_BODY"),
        ({"AIMS_GATES_BODY_SECONDS": "0"}, "AIMS_GATES_BODY_SECONDS"),
    ],
)
def test_a_setting_that_makes_no_sense_is_named(said: dict[str, str], where: str) -> None:
    with pytest.raises(InputError) as caught:
        configuration(said)
    assert caught.value.where == where and caught.value.remedy


def test_the_usual_is_to_sign_in_by_password(tmp_path: Any) -> None:
    assert configuration({}).ways == {"basic"} and configuration({"AIMS_GATES_AUTH": "none"}).ways == frozenset()
    place = tmp_path / "oidc.json"
    for bad in ({"service": True}, {"algorithms": ["HS256"]}, {"algorithms": ["none"]}):
        place.write_text(json.dumps({"issuers": [{"issuer": "https://i.example", "audience": "a", **bad}]}))
        with pytest.raises(InputError, match=r"could sign in|public-key"):
            configuration({"AIMS_GATES_AUTH": "oidc", "AIMS_GATES_OIDC": str(place)})


def test_checkpoints_appear_where_the_server_was_told_and_the_ledger_holds_against_them(running: Running) -> None:
    folder = running.folder / "kept"
    deadline = time.monotonic() + 100  # one is due within a minute, and looked for twice in it
    while not list(folder.glob("checkpoint-*.json")) and time.monotonic() < deadline:
        time.sleep(0.2)
    with running.world.store.primary() as session:
        assert hold(session.connection(), folder) >= 1
    public = running.world.key("server").public
    assert {open_envelope(each, [public])[1] for each in read_kept(folder)} == {(public,)}

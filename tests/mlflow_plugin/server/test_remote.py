"""The command line over HTTP: no database in hand, MLflow's credentials, the same commands."""

# ruff: noqa: F401, F811 - fixtures are imported by name

import json
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from aims_gates import cli
from aims_gates.attestation.signing.envelope import Envelope, Statement, sign
from aims_gates.attestation.statements.people import Halt
from aims_gates.attestation.statements.records import RecordEntries, RecordSubmission, SignedAcknowledgement
from aims_gates.attestation.statements.wording import say
from aims_gates.documents.canonical import digest_bytes
from aims_gates.errors import InputError, IntegrityError, LedgerError, NoLedgerError, NotFoundError, RefusedError
from aims_gates.ledger import append, history, merkle, places, rows, size
from aims_gates.ledger.attest import signed_checkpoint
from aims_gates.ledger.checkpoint_folder import keep, keep_from_afar
from aims_gates.ledger.connect import is_gated, open_ledger
from aims_gates.ledger.remote import Remote
from aims_gates.ledger.row import ACTS
from aims_gates.ledger.table import select
from aims_gates.mlflow_plugin.store.ledger_view import now
from aims_gates.model import Subject

from .inside import Inside, inside, listening, users_database
from .test_api import opened, ready

Run = Callable[..., tuple[int, str, str]]


def key_file(inside: Inside, person: str, folder: Path) -> str:
    """A person's key as a file of theirs."""
    place = folder / f"{person}.key"
    secret = inside.world.key(person).private
    place.write_bytes(secret.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    place.chmod(0o600)
    return str(place)


@pytest.fixture
def run(inside: Inside, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Run]:
    """Run a command as a user of the server, in a folder with no database and no key."""
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    key = (tmp_path / "server.key").read_text()

    def go(who: str, *arguments: str) -> tuple[int, str, str]:
        monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", who)
        monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", who)
        monkeypatch.setattr("aims_gates.settings.ENVIRONMENT", "NO_KEY_OF_THIS_USER")
        out, err = StringIO(), StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            code = cli.main([*arguments, "--registry", inside.address])
        return code, out.getvalue(), err.getvalue()

    yield go
    assert key


def test_a_request_is_opened_answered_and_explained_by_users(inside: Inside, run: Run) -> None:
    ready(inside)
    code, out, err = run("dora", "request", "open", "loan", "1", "--reason", "better", "--json")
    assert code == 0, err
    request = json.loads(out)["id"]
    assert json.loads(out)["user"] == "dora"
    code, out, _ = run("rita", "request", "list")
    assert code == 0 and "Dora" in out
    assert run("dora", "explain", "loan", "1", "--to", "production")[0] == 4
    code, out, err = run("dora", "approve", request[7:19], "--role", "risk")
    assert code == 2 and "does not hold the role" in err
    code, out, err = run("rita", "approve", request[7:19], "--role", "risk", "--comment", "seen")
    assert code == 0 and out.startswith("Rita approved"), err
    assert run("dora", "explain", "loan", "1", "--to", "production")[0] == 0
    code, out, _ = run("dora", "request", "show", request[7:19])
    assert code == 0 and "is open" in out
    code, out, _ = run("rita", "revoke", request, "--reason", "no")
    assert code == 0 and out.startswith("Rita revoked")


def test_waivers_rejections_withdrawals_halts(inside: Inside, run: Run) -> None:
    ready(inside)
    request = opened(inside)
    from datetime import UTC, datetime, timedelta

    until = (datetime.now(UTC).date() + timedelta(days=10)).isoformat()
    waive = ("waive", "loan", "1", "--control", "A.7.4", "--reason", "late", "--risk", "drift")
    more = ("--compensating-control", "weekly look", "--until", until)
    code, out, err = run("rita", *waive, *more, "--role", "risk")
    assert code == 0 and out.startswith("Rita waived A.7.4"), err
    assert run("rita", *waive, *more, "--role", "compliance")[0] == 2
    code, out, err = run("rita", "reject", request[7:19], "--role", "risk", "--reason", "no")
    assert code == 0 and out.startswith("Rita rejected"), err
    assert run("dora", "request", "withdraw", request[7:19], "--reason", "x")[0] == 0
    assert run("olga", "halt", "loan", "--reason", "harm")[1] == "loan is halted; removed: no alias stood\n"


def test_the_ledger_is_verified_exported_and_checkpointed_from_afar(
    inside: Inside,
    run: Run,
    tmp_path: Path,
) -> None:
    ready(inside)
    kept, exported = tmp_path / "kept.json", tmp_path / "ledger.jsonl"
    code, _, err = run("dora", "ledger", "checkpoint", str(kept))
    assert code == 0 and kept.is_file(), err
    opened(inside)
    code, out, err = run("audrey", "ledger", "verify", "--checkpoint", str(kept), "--json")
    assert code == 0 and json.loads(out)["ok"] is True, err
    assert run("audrey", "ledger", "export", str(exported))[0] == 0
    assert cli.main(["ledger", "verify", "--export", str(exported), "--checkpoint", str(kept)]) == 0
    assert run("dora", "ledger", "export", str(tmp_path / "no.jsonl"))[0] == 2
    assert run("dora", "ledger", "reconcile")[0] == 2
    assert run("audrey", "ledger", "reconcile")[1].startswith("the registry and the ledger agree: ")
    inside.world.sql("UPDATE model_versions SET source = '/elsewhere' WHERE name = 'loan'")
    code, out, err = run("audrey", "ledger", "reconcile", "--json")
    assert code == 5 and "is not the one it was registered with" in json.loads(out)["problems"][0], err
    inside.world.sql("UPDATE aims_ledger SET body = replace(body, 'loan', 'lean') WHERE position = 3")
    assert run("audrey", "ledger", "verify")[0] == 5


def test_keys_are_listed_and_trusted_with_a_policy_key(
    inside: Inside,
    run: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    place = key_file(inside, "policy", tmp_path)
    trust = ("keys", "trust", "--user", "wanda", "--person", "Wanda", "--role", "risk", "--key", place)
    code, out, err = run("dora", *trust)
    assert code == 0 and out.startswith("Wanda is trusted as risk"), err
    code, out, _ = run("nobody", "keys", "list", "--json")
    assert {"user": "wanda", "person": "Wanda"}.items() <= json.loads(out)[-1].items()
    assert run("dora", *trust[:-1], str(inside.world.folder / "server.key"))[0] == 2
    assert run("dora", "keys", "revoke", "user:wanda", "--reason", "left", "--key", place)[0] == 0
    assert "revoked" in run("nobody", "keys", "list")[1].splitlines()[-1]
    again = ("keys", "revoke", "user:zoe", "--reason", "left", "--key", place)
    assert run("dora", *again)[0] == 1


def test_status_and_schedule_need_no_database(inside: Inside, run: Run) -> None:
    ready(inside)
    code, out, err = run("dora", "status")
    assert code == 0 and "loan" in out, err
    code, out, err = run("dora", "schedule")
    assert code == 0, err


def test_whoever_may_sign_in_reads_which_texts_of_records_were_signed(inside: Inside, run: Run) -> None:
    code, out, err = run("dora", "records", "status")
    assert (code, out) == (0, "no records here; begin: aims-gates records new --due\n"), err
    text = RecordSubmission("system/monitoring", "credit", "monitoring.yaml", digest_bytes(b"a text"))
    with open_ledger(inside.address) as ledger:
        append(ledger, sign(say(text, Subject("system", text.digest)), inside.world.key("dev")), now())
        assert [row.predicate.record for row in rows(ledger, [f"subject {text.digest}"])] == [text.record]
        noted = RecordEntries(text.record, text.system, text.file, {"windows[]": (digest_bytes(b"a window"),)})
        append(ledger, sign(say(noted, Subject("system", text.digest)), inside.world.key("dev")), now())
        (row,) = rows(ledger, ["entries credit/system/monitoring"])
        assert row.predicate.entries == noted.entries


def test_whoever_may_sign_in_reads_who_acknowledged_a_text(inside: Inside, run: Run) -> None:
    run("dora", "keys", "list")
    text = SignedAcknowledgement("organization/ai_policy", "dev", digest_bytes(b"a policy"))
    with open_ledger(inside.address) as ledger:
        row = append(ledger, sign(say(text, Subject("organization", text.digest)), inside.world.key("dev")), now())
        for term in (ACTS, f"statement {row.digest}"):
            assert [each.predicate for each in rows(ledger, [term])] == [row.predicate]


def test_what_is_read_is_one_state_until_this_command_itself_speaks(inside: Inside, run: Run) -> None:
    ready(inside)
    run("dora", "keys", "list")
    with open_ledger(inside.address) as ledger:
        assert isinstance(ledger, Remote)
        before = size(ledger)
        opened(inside)
        found = [position for position, _ in select(ledger, ["model default/loan"])]
        assert max(found) < before
        said = say(Halt("default", "loan", "x"), Subject("model", "sha256:" + "ab" * 32))
        row = append(ledger, sign(said, inside.world.key("oncall")), now())
        assert row.position == before + 1
        assert row.position in [position for position, _ in select(ledger, ["model default/loan"])]
        assert history(ledger).current() is not None
        with pytest.raises(InputError, match="signed statements only"):
            append(ledger, said, now())


def test_refusals_are_the_same_errors_here_as_there(inside: Inside, run: Run) -> None:
    ready(inside)
    run("dora", "keys", "list")
    with open_ledger(inside.address) as ledger:
        assert isinstance(ledger, Remote)
        with pytest.raises(NotFoundError, match="is bound to no system"):
            ledger.get("/plan", {"name": "unknown"})
        with pytest.raises(RefusedError, match="whole ledger"):
            list(ledger.everything())
        with pytest.raises(InputError):
            ledger.get("/plan", {"name": ""})
        said = say(Halt("default", "loan", "x"), Subject("model", "sha256:" + "ab" * 32))
        with pytest.raises(IntegrityError, match="unknown signer"):
            append(ledger, sign(said, inside.world.key("stranger")), now())
    code, _, err = run("dora-wrong", "keys", "list")
    assert code == 2 and "MLFLOW_TRACKING_USERNAME" in err


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (404, b"<html>", NoLedgerError),
        (200, b"<html>", LedgerError),
        (200, b"[]", LedgerError),
        (200, b'{"size": "x", "root": ""}', LedgerError),
        (302, b"", LedgerError),
        (400, b'{"message": "m"}', InputError),
        (401, b"", RefusedError),
        (403, b'{"message": "m", "aims_error": "SystemExit"}', RefusedError),
        (404, b'{"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "m"}', NotFoundError),
        (409, b'{"message": "m"}', LedgerError),
        (500, b'{"message": "m"}', LedgerError),
    ],
)
def test_strange_servers_are_refused_with_a_remedy(status: int, body: bytes, kind: Any) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": status, "headers": [(b"location", b"/x")]})
        await send({"type": "http.response.body", "body": body})

    with listening(app) as address:
        server = Remote(address)
        with pytest.raises(kind) as caught:
            server.head()
        assert caught.value.remedy or status in (400, 403, 404)
        server.close()
        assert kind is not NoLedgerError or is_gated(address) is False


def test_a_server_that_records_something_else_is_noticed(inside: Inside, run: Run) -> None:
    ready(inside)
    run("dora", "keys", "list")

    class Liar(Remote):
        def append(self, envelope: Envelope) -> tuple[int, str]:
            return select(self, ["trust"])[0]

    said = say(Halt("default", "loan", "x"), Subject("model", "sha256:" + "ab" * 32))
    with pytest.raises(IntegrityError, match="something else"):
        append(Liar(inside.address), sign(said, inside.world.key("oncall")), now())


def test_nobody_there_is_said_plainly(tmp_path: Path) -> None:
    server = Remote("http://127.0.0.1:9")
    with pytest.raises(LedgerError, match="cannot be reached"):
        server.head()
    server.close()


def test_credentials_are_mlflows(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".mlflow").mkdir()
    (tmp_path / ".mlflow" / "credentials").write_text(
        "[mlflow]\nmlflow_tracking_username=u\nmlflow_tracking_password=p%\n"
    )
    assert Remote("http://x")._session.auth == ("u", "p%")
    (tmp_path / ".mlflow" / "credentials").write_text("nonsense")
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "t")
    server = Remote("http://x")
    assert server._session.headers["Authorization"] == "Bearer t" and server._session.auth is None
    monkeypatch.setenv("MLFLOW_TRACKING_INSECURE_TLS", "true")
    assert Remote("https://x")._session.verify is False
    monkeypatch.delenv("MLFLOW_TRACKING_INSECURE_TLS")
    monkeypatch.setenv("MLFLOW_TRACKING_SERVER_CERT_PATH", "ca.pem")
    assert Remote("https://x")._session.verify == "ca.pem"


def test_a_statement_with_a_user_reads_back(inside: Inside) -> None:
    made = say(replace(Halt("default", "loan", "x"), user="olga"), Subject("model", "sha256:" + "ab" * 32))
    assert Statement(made.payload).predicate["user"] == "olga"


def canned(answers: dict[str, Any]) -> Any:
    """A server that always says the same."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        body = json.dumps(answers[scope["path"].removeprefix("/api/2.0/aims")]).encode()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": body})

    return app


HEAD = {"size": 9, "root": "00"}
ROW = {"position": 4, "body": "{}", "terms": ["trust", "other"]}


@pytest.mark.parametrize(
    "page",
    [
        {"size": 9, "rows": [{"position": "x", "body": "", "terms": []}], "next": None},
        {"size": 9, "rows": [{}], "next": None},
        {"size": 9, "rows": []},
        {"size": 9, "rows": [], "next": -1},
        {"size": 9, "rows": [], "next": "5"},
        [],
    ],
)
def test_pages_that_is_not_valid_are_refused(page: Any) -> None:
    app = canned({"/ledger": HEAD, "/ledger/rows": page})
    with listening(app) as address, pytest.raises(LedgerError, match="did not answer as"):
        select(Remote(address), ["trust"])


def test_rows_stand_under_the_terms_that_were_asked_for() -> None:
    page = {"size": 9, "rows": [ROW], "next": None}
    with listening(canned({"/ledger": HEAD, "/ledger/rows": page})) as address:
        server = Remote(address)
        assert select(server, ["trust"]) == [(4, "{}")] == select(server, ["trust"])
        assert server.body(4) == "{}"
        with pytest.raises(InputError, match="not read yet"):
            server.body(5)


@pytest.mark.parametrize("answer", [{}, {"position": "x", "body": ""}, []])
def test_a_place_that_is_not_valid_is_refused(answer: Any) -> None:
    with listening(canned({"/statements": answer, "/ledger": HEAD, "/ledger/inclusion": answer})) as address:
        with pytest.raises(LedgerError, match="did not answer as"):
            Remote(address).append(Envelope(b"{}", (("", b""),)))
        with pytest.raises(LedgerError, match="did not answer as"):
            Remote(address).inclusion(0, 9)


def test_a_rows_place_is_proven_by_the_server_and_a_false_proof_is_noticed(inside: Inside, run: Run) -> None:
    ready(inside)
    run("dora", "keys", "list")
    with open_ledger(inside.address) as ledger:
        history(ledger)
        position = select(ledger, ["trust"])[0][0]
        (found,) = places(ledger, [position], size(ledger))
        leaf = merkle.leaf_hash(found.body.encode())
        assert merkle.verify_inclusion(position, found.size, leaf, found.path, found.root)
    page = {"size": 9, "rows": [ROW], "next": None}
    proof = {"first": 4, "second": 9, "root": "00" * 32, "hashes": []}
    with listening(canned({"/ledger": HEAD, "/ledger/rows": page, "/ledger/inclusion": proof})) as address:
        server = Remote(address)
        assert select(server, ["trust"])
        with pytest.raises(LedgerError, match="proof does not hold"):
            places(server, [4], 9)


def test_what_is_gated_is_known_by_scheme_or_asked(inside: Inside, run: Run) -> None:
    run("dora", "keys", "list")
    assert is_gated(inside.address) and is_gated("aims+sqlite:///x.db")
    assert not is_gated(None) and not is_gated("sqlite:///x.db")


def test_checkpoints_are_kept_from_afar_and_a_server_that_lost_rows_is_found(
    inside: Inside, run: Run, tmp_path: Path
) -> None:
    ready(inside)
    folder = tmp_path / "kept"
    folder.mkdir()
    into = ("ledger", "checkpoint", "--into", str(folder))
    code, out, err = run("dora", *into)
    assert code == 0 and "checkpoint-" in out, err
    assert "nothing was appended" in run("dora", *into)[1]
    (size, frontier), *_ = inside.world.sql("SELECT size, frontier FROM aims_head")
    opened(inside)
    assert run("dora", *into)[0] == 0 and len(list(folder.glob("*.json"))) == 2
    code, out, err = run("audrey", "ledger", "verify", "--checkpoint", str(folder), "--json")
    assert code == 0 and json.loads(out)["ok"] is True, err
    for table in ("aims_ledger", "aims_index"):
        inside.world.sql(f"DELETE FROM {table} WHERE position >= {size}")
    inside.world.sql(f"UPDATE aims_head SET size = {size}, frontier = '{frontier}'")
    code, _, err = run("dora", *into)
    assert code == 5 and "rows were removed" in err
    opened(inside)
    code, _, err = run("dora", *into)
    assert code == 5 and "rows are not those of then" in err
    assert len(list(folder.glob("*.json"))) == 2


@pytest.mark.parametrize("answer", [{}, {"hashes": ["x"]}, {"hashes": []}])
def test_a_growth_that_a_server_does_not_prove_is_refused(answer: Any, inside: Inside, tmp_path: Path) -> None:
    ready(inside)
    key = inside.world.key("policy")
    with inside.world.store.primary() as session:
        first = keep(session.connection(), tmp_path, key, now())
    opened(inside)
    with inside.world.store.primary() as session:
        later = signed_checkpoint(session.connection(), key, now())
    assert first is not None
    with (
        listening(canned({"/ledger/consistency": answer})) as address,
        pytest.raises((IntegrityError, LedgerError), match=r"not those of then|did not answer as"),
    ):
        keep_from_afar(Remote(address), tmp_path, lambda: later)


def test_two_people_break_the_glass_over_http_with_keys_of_their_own(inside: Inside, run: Run, tmp_path: Path) -> None:
    inside.world.bind("loan")
    inside.world.model("loan")
    inside.world.change_keys(risk={"roles": ("risk", "break-glass")}, oncall={"roles": ("on-call", "break-glass")})
    order = ("break-glass", "loan", "1", "--reason", "the old one is down", "--hours", "2", "--key")
    assert run("dora", *order, key_file(inside, "risk", tmp_path))[0] == 2, "who may only read stages no bytes"
    code, _, err = run("root", *order, key_file(inside, "risk", tmp_path))
    assert code == 0, err
    refused = inside.post("/promote", "root", name="loan", version="1")
    assert refused.status_code == 403
    code, out, err = run("root", *order, key_file(inside, "dev", tmp_path))
    assert code == 2 and "may not sign a break-glass" in err, (code, err)
    code, out, err = run("root", *order, key_file(inside, "oncall", tmp_path))
    assert code == 0 and out.startswith("break-glass order for loan version 1"), err
    assert inside.post("/promote", "root", name="loan", version="1").status_code == 200
    assert inside.world.seen("loan").grants()[-1].predicate.transition == "break-glass"
    assert "BREAK-GLASS" in inside.get("/explain", name="loan", version="1").text


@pytest.mark.parametrize(
    "command",
    [("adopt", "--dry-run"), ("db", "check"), ("db", "upgrade"), ("detach", "--reason", "x", "--yes")],
    ids=lambda command: " ".join(command[:2]),
)
def test_what_is_done_to_the_database_itself_says_so_over_http(
    command: tuple[str, ...], inside: Inside, run: Run, tmp_path: Path
) -> None:
    key = ("--key", key_file(inside, "policy", tmp_path)) if command[0] in ("detach",) else ()
    code, _, err = run("root", *command, *key)
    assert code == 1 and "needs the registry's database" in err and "server's machine" in err

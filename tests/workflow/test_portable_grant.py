"""A grant to carry: what verifies where the model is deployed, and all that must not."""

import base64
import json
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from aims_gates.attestation.signing.envelope import Envelope, Statement, sign
from aims_gates.attestation.statements.evidence import Checkpoint, FirstPortableGrant
from aims_gates.attestation.statements.people import Approval, BreakGlass, Revocation, RollbackOrder
from aims_gates.attestation.statements.policy import Adoption, KeyRevocation, Trust, TrustedKey
from aims_gates.attestation.statements.wording import predicate_of, say
from aims_gates.cli import main
from aims_gates.documents.canonical import digest, folder_digest
from aims_gates.errors import AimsGatesError, InputError, IntegrityError, RefusedError, StaleError
from aims_gates.ledger.attest import signed_checkpoint
from aims_gates.ledger.verify import verify
from aims_gates.model import Subject
from aims_gates.workflow.portable_grant import compose, issue, verify_grant


@pytest.fixture
def model(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "MLmodel").write_text("flavors: {}\n")
    return folder


def list_of(kit, *more, **changes):
    """The usual trust list, with a server, a second policy owner, and entries of one's own."""
    usual = [kit.trusted(role, **changes.get(role, {})) for role in kit.ROLES]
    extra = [
        TrustedKey(kit.key_of("server").public, "the server", ("server",), service=True),
        TrustedKey(kit.key_of("owner").public, "owner@example.org", ("policy",)),
        *more,
    ]
    return (*usual, *extra)


def granted(world, kit, about, *more, approve=("risk", "compliance"), **changes):
    """The usual story up to a grant of these bytes; gives its row."""
    world.trust(*list_of(kit, *more, **changes))
    world.create()
    world.bind()
    world.register()
    world.predict(about=about)
    world.check(about=about)
    request = world.request(about=about)
    for role in approve:
        world.approve(role, request)
    return world.grant(about=about, request=request.digest)


def checkpoint(world, kit, by="ci"):
    return signed_checkpoint(world.connection, kit.key_of(by), world.now)


def exported(world, kit, path, by="policy", attested="ci", days=30):
    """A portable grant as a file."""
    statement = checkpoint(world, kit, attested)
    issue(world.connection, "default", "credit", "production", kit.key_of(by), world.now, days, path, statement)
    return path


@pytest.fixture
def carried(world, kit, model, tmp_path):
    """A portable grant for the model's folder, as a file."""
    granted(world, kit, folder_digest(model))
    return exported(world, kit, tmp_path / "credit.grant.json")


def trusted(kit, *roles):
    return tuple(kit.key_of(role).public for role in roles or ("policy", "ci"))


def signed_again(path, kit, by="policy", **changes):
    """The file as its issuer, or another, might have signed it."""
    value = json.loads(path.read_text())
    statement = predicate_of(Statement(base64.b64decode(value["envelope"]["payload"])))
    changed = replace(statement, **changes)
    value["envelope"] = sign(say(changed, Subject("model", changed.digest, "credit/1")), kit.key_of(by)).to_json()
    path.write_text(json.dumps(value))
    return path


def test_a_grant_is_verified_with_the_file_the_folder_and_two_keys_alone(carried, model, kit, world):
    grant = verify_grant(carried, model, trusted(kit), world.now)
    assert (grant.said.name, grant.said.version, grant.said.system) == ("credit", "1", "credit")
    assert grant.said.digest == folder_digest(model)
    assert (grant.signers, grant.checkpoint_signers) == (trusted(kit, "policy"), trusted(kit, "ci"))
    words = [(word["said"], word["person"], word["role"]) for word in grant.people]
    assert words == [
        ("approval", kit.person("risk"), "risk"),
        ("approval", kit.person("compliance"), "compliance"),
    ]
    (model / "registered_model_meta").write_text("model_name: credit\nmodel_version: '1'\n")
    verify_grant(carried, model, trusted(kit), world.now)


def test_it_takes_two_trusted_keys_issuer_and_checkpoint(carried, model, kit, world):
    for keys in ((), trusted(kit, "policy"), trusted(kit, "policy", "policy")):
        with pytest.raises(InputError, match="trusted key"):
            verify_grant(carried, model, keys, world.now)
    for keys in (trusted(kit, "policy", "risk"), trusted(kit, "ci", "risk")):
        with pytest.raises(IntegrityError, match="unknown signer"):
            verify_grant(carried, model, keys, world.now)


def test_other_bytes_are_refused(carried, model, kit, world):
    (model / "extra.py").write_text("import os\n")
    with pytest.raises(IntegrityError, match="other bytes"):
        verify_grant(carried, model, trusted(kit), world.now)


@pytest.mark.parametrize("days", [31, -1])
def test_it_is_relied_on_between_its_issue_and_its_last_day(carried, model, kit, world, days):
    verify_grant(carried, model, trusted(kit), world.now + timedelta(days=29))
    with pytest.raises(RefusedError):
        verify_grant(carried, model, trusted(kit), world.now + timedelta(days=days))


def test_one_that_is_to_be_relied_on_for_more_than_180_days_does_not_hold(carried, model, kit, world):
    issued = world.now.date()
    verify_grant(signed_again(carried, kit, until=str(issued + timedelta(180))), model, trusted(kit), world.now)
    for until in (str(issued + timedelta(181)), "2036-01-01", "soon", ""):
        with pytest.raises(IntegrityError, match="to be relied on until"):
            verify_grant(signed_again(carried, kit, until=until), model, trusted(kit), world.now)


def edits(value):
    """Every part of the file, changed: its path in the file, and what stands there instead."""
    yield ("format",), "aims-gates:portable-grant/v9"
    for signed in ("envelope", "checkpoint"):
        yield (signed, "payload"), value[signed]["payload"][:-8]
        yield (signed, "signatures"), []
        yield (signed, "signatures", 0, "sig"), base64.b64encode(b"\0" * 64).decode()
    other = base64.b64encode(b"{}").decode()
    rows = [("grant",), *(("basis", place) for place in range(len(value["basis"])))]
    for row in rows:
        body, path = inside(value, row)["body"], inside(value, row)["path"]
        yield (*row, "body"), body.replace("2026-06-01", "2026-05-01")
        yield (*row, "body"), "{}"
        yield (*row, "body"), json.dumps({**json.loads(body), "more": 1})
        yield (*row, "position"), inside(value, row)["position"] + 1
        yield (*row, "path"), path[:-1]
        yield (*row, "path"), [*path[:-1], "zz"]
        yield (*row, "path"), [*path[:-1], "00" * 32]
    yield ("grant", "body"), value["grant"]["body"].replace('version\\":\\"1', 'version\\":\\"2')
    yield ("grant",), value["basis"][0]
    yield ("basis",), []
    yield ("basis",), value["basis"][1:]
    yield ("basis",), value["basis"][:-1]
    yield ("basis",), value["basis"][::-1]
    yield ("basis",), [*value["basis"], value["grant"]]
    yield ("basis",), [*value["basis"], value["basis"][-1]]
    yield ("trust",), []
    yield ("trust",), [*value["trust"], value["trust"][0]]
    yield ("trust", 0, "position"), 1
    yield ("trust", 0, "body"), "{}"
    yield ("trust", 0, "body"), value["basis"][0]["body"]
    yield ("trust", 0, "body"), value["trust"][0]["body"].replace("2026-06-01", "2026-05-01")
    yield ("envelope", "payload"), other


def inside(value, path):
    for key in path:
        value = value[key]
    return value


def test_every_edited_part_of_the_file_is_found(carried, model, kit, world):
    text = carried.read_text()
    changes = list(edits(json.loads(text)))
    assert {change[0][0] for change in changes} == set(json.loads(text))
    for path, instead in changes:
        value = json.loads(text)
        assert inside(value, path) != instead, path
        inside(value, path[:-1])[path[-1]] = instead
        carried.write_text(json.dumps(value))
        with pytest.raises(AimsGatesError):
            verify_grant(carried, model, trusted(kit), world.now)
    carried.write_text(json.dumps({**json.loads(text), "more": 1}))
    with pytest.raises(InputError, match="more"):
        verify_grant(carried, model, trusted(kit), world.now)
    carried.write_text(text)
    verify_grant(carried, model, trusted(kit), world.now)


def test_what_its_issuer_signed_must_be_what_the_ledger_holds(carried, model, kit, world):
    text = carried.read_text()
    for change in (
        {"said_at": "yesterday"},
        {"said_at": "2026-06-01T12:00:00"},
        {"position": 0},
        {"size": 1},
        {"root": "00" * 32},
        {"version": "2"},
        {"alias": "champion"},
        {"workspace": "other"},
        {"granted_at": "2026-05-01T12:00:00+00:00"},
        {"transition": "adopted"},
        {"grant": digest("another")},
        {"basis": ()},
    ):
        carried.write_text(text)
        with pytest.raises(IntegrityError):
            verify_grant(signed_again(carried, kit, **change), model, trusted(kit), world.now)
    for mode in ("observe", "warn"):
        carried.write_text(text)
        with pytest.raises(IntegrityError, match="not those that were signed for"):
            verify_grant(signed_again(carried, kit, mode=mode), model, trusted(kit), world.now)
    value = json.loads(text)
    other = sign(
        say(Checkpoint(3, "00" * 32, said_at=world.now.isoformat()), Subject("model", digest("x"))), kit.key_of("ci")
    )
    for part in ("envelope", "checkpoint"):
        carried.write_text(json.dumps({**value, part: other.to_json()}))
        with pytest.raises(AimsGatesError):
            verify_grant(carried, model, trusted(kit), world.now)


@pytest.mark.parametrize("by", ["ci", "risk", "developer", "on-call"])
def test_a_role_that_makes_evidence_or_approves_issues_none(world, kit, model, tmp_path, by):
    granted(world, kit, folder_digest(model))
    with pytest.raises(RefusedError, match="may not issue"):
        exported(world, kit, tmp_path / "g.json", by=by, attested="owner")
    assert not (tmp_path / "g.json").exists()
    path = exported(world, kit, tmp_path / "g.json", attested="owner")
    with pytest.raises(IntegrityError, match="no policy owner and no server"):
        verify_grant(signed_again(path, kit, by), model, trusted(kit, by, "owner"), world.now)


def test_a_key_that_makes_evidence_too_issues_none(world, kit, model, tmp_path):
    both = TrustedKey(kit.key_of("both").public, "both@example.org", ("policy", "ci"))
    granted(world, kit, folder_digest(model), both)
    with pytest.raises(IntegrityError, match="makes evidence"):
        exported(world, kit, tmp_path / "g.json", by="both", attested="owner")


def test_ci_alone_forges_nothing_however_it_makes_the_ledger_anew(world, new_world, carried, model, kit, tmp_path):
    """Row 0 of 1; then a whole ledger of its own, in which its own keys are everybody's."""
    forged = new_world()
    mine = kit.key_of("ci").public
    entries = [replace(kit.trusted(role), key=kit.key_of(f"my {role}").public) for role in kit.ROLES if role != "ci"]
    forged_list = (*entries, TrustedKey(mine, "me@example.org", ("policy",)))
    forged.say(Trust(1, forged_list), "ci")
    forged.create()
    forged.say(replace(predicate_of(world.rows[2].statement), author=None), "ci")
    forged.register()
    request = forged.say(
        predicate_of(next(row for row in world.rows if "request/" in row.type).statement), "my developer"
    )
    for role in ("risk", "compliance"):
        forged.say(Approval(request.digest, role), f"my {role}", about=folder_digest(model))
    forged.grant(about=folder_digest(model), request=request.digest)
    own = [replace(kit.trusted("policy"), key=kit.key_of("second").public, person="other@example.org")]
    forged.say(Trust(2, (*forged_list, *own)), "ci")
    path = exported(forged, kit, tmp_path / "forged.json", by="ci", attested="second")
    verify_grant(path, model, trusted(kit, "ci", "second"), forged.now)  # whoever trusts its two keys is lost
    with pytest.raises(IntegrityError, match="unknown signer"):
        verify_grant(path, model, trusted(kit, "ci", "policy"), forged.now)
    genuine, value = json.loads(carried.read_text()), json.loads(path.read_text())
    value["checkpoint"] = genuine["checkpoint"]  # a real one, which others signed
    path.write_text(json.dumps(value))
    for keys in (trusted(kit, "ci", "policy"), trusted(kit)):
        with pytest.raises(IntegrityError):
            verify_grant(path, model, keys, world.now)


def test_a_checkpoint_that_ci_forges_carries_nothing_that_others_did_not_sign(carried, model, kit, world):
    """The key of role ci may sign checkpoints; the issuer signed for one tree."""
    value = json.loads(carried.read_text())
    head = predicate_of(Statement(base64.b64decode(value["checkpoint"]["payload"])))
    for change in ({"root": "00" * 32}, {"size": head.size + 1}, {"trust": "00" * 32}, {"trust": ""}):
        other = say(replace(head, **change), Subject("organization", digest("x"), "ledger"))
        carried.write_text(json.dumps({**value, "checkpoint": sign(other, kit.key_of("ci")).to_json()}))
        with pytest.raises(IntegrityError):
            verify_grant(carried, model, trusted(kit), world.now)


def test_one_key_or_one_person_does_not_sign_both(world, kit, model, tmp_path):
    second = TrustedKey(kit.key_of("second").public, kit.person("policy").upper(), ("ci",), service=True)
    granted(world, kit, folder_digest(model), replace(second, person=kit.person("policy")))
    for attested in ("policy", "second"):
        with pytest.raises(IntegrityError, match="signed the checkpoint too"):
            exported(world, kit, tmp_path / "g.json", attested=attested)


def test_the_server_issues_on_a_policy_owners_checkpoint(world, kit, model, tmp_path):
    granted(world, kit, folder_digest(model))
    path = exported(world, kit, tmp_path / "g.json", by="server", attested="policy")
    grant = verify_grant(path, model, trusted(kit, "server", "policy"), world.now)
    assert grant.signers == trusted(kit, "server")


def test_a_revoked_issuer_is_found_and_its_revocation_cannot_be_left_out(world, kit, model, tmp_path):
    granted(world, kit, folder_digest(model))
    path = exported(world, kit, tmp_path / "g.json", by="owner")
    world.say(KeyRevocation(kit.key_of("owner").public, "stolen"), "policy")
    with pytest.raises(RefusedError, match="may not issue"):
        exported(world, kit, tmp_path / "h.json", by="owner")
    later = json.loads(exported(world, kit, tmp_path / "h.json", by="policy").read_text())
    (tmp_path / "h.json").write_text(json.dumps(later))
    with pytest.raises(IntegrityError, match="no policy owner"):
        verify_grant(signed_again(tmp_path / "h.json", kit, "owner"), model, trusted(kit, "owner", "ci"), world.now)
    later["trust"] = later["trust"][:1]
    (tmp_path / "h.json").write_text(json.dumps(later))
    with pytest.raises(IntegrityError, match="not those of the checkpoint"):
        verify_grant(signed_again(tmp_path / "h.json", kit, "owner"), model, trusted(kit, "owner", "ci"), world.now)
    # What was issued before cannot know: hence the few days that it is relied on.
    verify_grant(path, model, trusted(kit, "owner", "ci"), world.now)


def test_an_approver_whose_key_was_not_theirs_any_more_has_approved_nothing(world, kit, model, tmp_path):
    grant = granted(world, kit, folder_digest(model))
    world.say(KeyRevocation(kit.key_of("risk").public, "stolen", since=1), "policy")
    assert grant.position > 1
    with pytest.raises(IntegrityError, match="approvals that its plan requires are not there: 1 in the role risk"):
        exported(world, kit, tmp_path / "g.json")


@pytest.mark.parametrize(
    ("approve", "missing"), [((), "1 in the role compliance"), (("risk",), "1 in the role compliance")]
)
def test_a_grant_without_the_approvals_of_its_plan_is_not_carried(world, kit, model, tmp_path, approve, missing):
    granted(world, kit, folder_digest(model), approve=approve)
    with pytest.raises(IntegrityError, match=missing):
        exported(world, kit, tmp_path / "g.json")


def test_an_approval_that_was_revoked_or_is_the_requesters_own_does_not_count(world, kit, model, tmp_path):
    granted(world, kit, folder_digest(model), developer={"roles": ("developer", "risk")}, approve=("compliance",))
    assert all("approval/" not in row.type or row.predicate.role == "compliance" for row in world.rows)
    request = next(row for row in world.rows if "request/" in row.type)
    world.approve("risk", request, by="developer")
    world.grant(about=folder_digest(model), request=request.digest)
    with pytest.raises(IntegrityError, match="1 in the role risk"):
        exported(world, kit, tmp_path / "g.json")
    approval = world.approve("risk", request)
    world.grant(about=folder_digest(model), request=request.digest)
    exported(world, kit, tmp_path / "g.json")
    world.say(Revocation(approval.digest, "not mine"), "policy")
    with pytest.raises(IntegrityError, match="1 in the role risk"):
        exported(world, kit, tmp_path / "g.json")


def test_rows_about_other_bytes_or_of_another_request_are_no_basis(world, kit, model, tmp_path):
    """The issuer signs for a basis that is in the tree and about something else."""
    other = granted(world, kit, kit.OTHER)
    stray = [row for row in world.rows if "request/" in row.type or "approval/" in row.type]
    request = world.request(about=folder_digest(model))
    world.wait(minutes=1)
    for role in ("risk", "compliance"):
        world.approve(role, request)
    world.grant(about=folder_digest(model), request=request.digest)
    path = exported(world, kit, tmp_path / "g.json")
    text, size = path.read_text(), len(world.rows)
    from aims_gates.ledger import places

    def carry(rows):
        value = json.loads(text)
        found = places(world.connection, [row.position for row in rows], size)
        value["basis"] = [
            {"position": row.position, "body": place.body, "path": [node.hex() for node in place.path]}
            for row, place in zip(rows, found, strict=True)
        ]
        path.write_text(json.dumps(value))
        return signed_again(path, kit, basis=tuple(row.digest for row in rows))

    good = [row for row in world.rows if row.digest in predicate_of_file(text).basis]
    verify_grant(carry(good), model, trusted(kit), world.now)
    for rows in (stray, [good[0], *stray[1:]], good[1:], [*stray, *good], [*good[:1], other, *good[1:]], good[:2]):
        rows = sorted({row.position: row for row in rows}.values(), key=lambda row: row.position)
        with pytest.raises(IntegrityError):
            verify_grant(carry(rows), model, trusted(kit), world.now)


def predicate_of_file(text):
    return predicate_of(Statement(base64.b64decode(json.loads(text)["envelope"]["payload"])))


def test_what_was_not_enforced_is_neither_issued_nor_relied_on(world, kit, model, tmp_path):
    world.trust(*list_of(kit))
    world.create()
    world.bind()
    world.register()
    world.grant(about=folder_digest(model), mode="observe")
    with pytest.raises(RefusedError, match="observe"):
        exported(world, kit, tmp_path / "g.json")


def order(world, kit, about, by="risk"):
    expires = (world.now + timedelta(hours=1)).isoformat()
    return world.say(BreakGlass("default", "credit", "1", about, f"outage, says {by}", expires), by, about=about)


def test_break_glass_and_adoption_say_so_and_must_be_accepted(world, kit, model, tmp_path):
    """Nobody approved them, so whoever deploys has to say that they take them all the same."""
    about = folder_digest(model)
    breakers = {role: {"roles": (role, "break-glass")} for role in ("risk", "compliance")}
    granted(world, kit, about, **breakers)
    order(world, kit, about)
    world.grant(about=about, transition="break-glass")
    with pytest.raises(IntegrityError, match="two people"):
        exported(world, kit, tmp_path / "g.json")
    order(world, kit, about)
    order(world, kit, about, "compliance")
    world.grant(about=about, transition="break-glass")
    path = exported(world, kit, tmp_path / "g.json")
    for accepted in ((), ("adopted",)):
        with pytest.raises(RefusedError, match="break-glass"):
            verify_grant(path, model, trusted(kit), world.now, accepted)
    grant = verify_grant(path, model, trusted(kit), world.now, ("break-glass",))
    assert grant.origin == "break-glass" and {word["said"] for word in grant.people} == {"break-glass"}

    last = (world.now + timedelta(days=10)).date().isoformat()
    said = Adoption("default", "credit", "1", "production", about, "file:///store", "risk", last)
    adoption = world.say(said, "policy", about=about)
    world.grant(about=about, transition="adopted", request=adoption.digest, expires=last)
    path = exported(world, kit, tmp_path / "g.json")
    with pytest.raises(RefusedError, match="adopted as found"):
        verify_grant(path, model, trusted(kit), world.now, ("break-glass",))
    grant = verify_grant(path, model, trusted(kit), world.now, ("adopted",))
    assert (grant.said.until, grant.origin) == (last, "adopted")
    later = (date.fromisoformat(last) + timedelta(days=1)).isoformat()
    with pytest.raises(IntegrityError, match="than its grant"):
        verify_grant(signed_again(path, kit, until=later), model, trusted(kit), world.now, ("adopted",))


def test_a_rollback_rests_on_its_order_and_on_the_approvals_of_the_grant_it_returns_to(world, kit, model, tmp_path):
    about = folder_digest(model)
    granted(world, kit, about)
    world.grant(version="2", about=kit.OTHER)
    world.say(RollbackOrder("default", "credit", "1", "it was better"), "on-call", about=about)
    world.grant(about=about, transition="rollback")
    path = exported(world, kit, tmp_path / "g.json")
    grant = verify_grant(path, model, trusted(kit), world.now)
    assert [word["said"] for word in grant.people] == ["rollback", "approval", "approval"]
    assert (grant.said.transition, grant.origin) == ("rollback", "production")
    value = json.loads(path.read_text())
    for place, row in enumerate(value["basis"]):
        left = [*value["basis"][:place], *value["basis"][place + 1 :]]
        path.write_text(json.dumps({**value, "basis": left}))
        digests = [digest for at, digest in enumerate(predicate_of_file(path.read_text()).basis) if at != place]
        with pytest.raises(IntegrityError):
            verify_grant(signed_again(path, kit, basis=tuple(digests)), model, trusted(kit), world.now)
        assert row


def test_only_a_standing_grant_on_a_later_checkpoint_is_issued(world, kit, tmp_path, model):
    path = tmp_path / "g.json"
    world.checked()
    before = checkpoint(world, kit)

    def ask(statement=before, days=30):
        issue(
            world.connection, "default", "credit", "production", kit.key_of("policy"), world.now, days, path, statement
        )

    with pytest.raises(RefusedError, match="no grant stands"):
        ask()
    request = world.request(about=kit.BYTES)
    for role in ("risk", "compliance"):
        world.approve(role, request)
    world.grant(request=request.digest)
    with pytest.raises(InputError, match="older than the grant"):
        ask()
    for days in (0, 181):
        with pytest.raises(InputError, match="is out of range"):
            ask(days=days)
    after = checkpoint(world, kit)
    unattested = replace(predicate_of(Statement(after.payload)), trust="")
    for other in (
        sign(say(unattested, Subject("organization", digest("x"), "ledger")), kit.key_of("ci")),
        sign(Statement(after.payload), kit.key_of("stranger")),
        sign(Statement(after.payload), kit.key_of("risk")),
        Envelope(after.payload, ((kit.key_of("ci").public, b"\0" * 64),)),
    ):
        with pytest.raises(IntegrityError, match="nobody could rely on it"):
            ask(other)
    assert not path.exists()
    ask(after)
    assert path.exists()


def test_a_checkpoint_of_another_ledger_is_none(world, new_world, kit, model, tmp_path):
    granted(world, kit, folder_digest(model))
    other = new_world()
    granted(other, kit, kit.OTHER)
    with pytest.raises(IntegrityError, match="another tree"):
        arguments = (kit.key_of("policy"), world.now, 30, checkpoint(other, kit))
        compose(world.connection, "default", "credit", "production", *arguments)


def first_file(world, kit, by="ci"):
    """A portable grant as version 0.1 wrote it, and its statement."""
    grant = [row for row in world.rows if "grant/" in row.type][-1]
    said = FirstPortableGrant(
        "default", "credit", "1", grant.digest, "production", grant.predicate.digest, "credit", "limited", "limited",
        "enforce", "production", world.now.isoformat(), 0, 1, "00" * 32, "2036-01-01", said_at=world.now.isoformat(),
    )  # fmt: skip
    envelope = sign(say(said, Subject("model", said.digest, "credit/1")), kit.key_of(by))
    return {"format": "aims-gates:portable-grant/v1", "envelope": envelope.to_json(), "row": "{}", "path": []}, said


def test_a_file_of_version_0_1_is_to_be_issued_again_and_its_ledger_verifies(carried, model, kit, world, tmp_path):
    file, said = first_file(world, kit)
    carried.write_text(json.dumps(file))
    with pytest.raises(StaleError, match=r"0\.1") as error:
        verify_grant(carried, model, trusted(kit), world.now)
    assert "Issue it again" in str(error.value)
    world.say(said, "ci", about=said.digest)
    assert verify(world.connection).ok
    # Said in the new way, the old statement is no grant either.
    value = {**json.loads(exported(world, kit, tmp_path / "g.json").read_text()), "envelope": file["envelope"]}
    carried.write_text(json.dumps(value))
    with pytest.raises(IntegrityError, match="not a portable grant"):
        verify_grant(carried, model, trusted(kit), world.now)


def test_the_commands_exit_codes_and_what_they_print(carried, model, kit, tmp_path, monkeypatch, capsys, world):
    import aims_gates.cli.grant as command

    monkeypatch.chdir(tmp_path)
    for role in ("policy", "ci"):
        public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(kit.key_of(role).public))
        pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        (tmp_path / f"{role}.pub").write_bytes(pem)
    monkeypatch.setattr(
        command, "datetime", type("At", (), {"now": staticmethod(lambda _: datetime(2026, 6, 2, tzinfo=UTC))})
    )
    keys = ["--trusted-key", "policy.pub", "--trusted-key", "ci.pub"]
    verified = ["verify-grant", str(carried), str(model)]
    assert main([*verified, *keys]) == 0
    shown = capsys.readouterr().out
    assert "these are the bytes that were granted" in shown and f"approval by {kit.person('risk')} as risk" in shown
    assert main([*verified, *keys[:2]]) == 1
    (tmp_path / "aims.yaml").write_text("trusted_keys: [policy.pub, ci.pub]\n")
    capsys.readouterr()
    assert main([*verified, "--json"]) == 0
    value = json.loads(capsys.readouterr().out)
    assert (value["version"], value["origin"], len(value["people"])) == ("1", "production", 2)
    text = carried.read_text()
    signed_again(carried, kit, until="2036-01-01")
    assert main(verified) == 5
    carried.write_text(text)
    (model / "MLmodel").write_text("flavors: {python_function: {}}\n")
    assert main(verified) == 5
    carried.write_text(json.dumps(first_file(world, kit)[0]))
    assert main(verified) == 3
    assert "Issue it again" in capsys.readouterr().err


def test_verifying_loads_nothing_heavy(carried, model):
    code = "import aims_gates.cli.grant, aims_gates.workflow.portable_grant, sys; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert not {"mlflow", "pandas", "duckdb", "pyarrow", "requests"} & {name.partition(".")[0] for name in loaded}

"""Statements, envelopes and predicates: what is read is what was signed."""

import base64
import json
import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aims_gates.attestation.signing.envelope import (
    PAYLOAD_TYPE,
    Envelope,
    Statement,
    open_envelope,
    sign,
    statement,
)
from aims_gates.attestation.statements.evidence import Checkpoint
from aims_gates.attestation.statements.people import Approval, Halt, Withdrawal
from aims_gates.attestation.statements.registry import Creation
from aims_gates.attestation.statements.types import REGISTRY_ACTS, ROLES, may_sign, type_of
from aims_gates.attestation.statements.wording import evidence_of, predicate_of, say
from aims_gates.documents.canonical import canonical_bytes
from aims_gates.errors import InputError, IntegrityError
from aims_gates.model import Evidence, Finding, Subject


@pytest.fixture
def made(kit):
    """A statement."""
    return say(Withdrawal("sha256:" + "1" * 64, "no longer needed"), Subject("model", kit.BYTES, "credit/1"))


def body(made):
    return json.loads(made.payload)


def with_body(made, **changes):
    return Statement(canonical_bytes({**body(made), **changes}))


# Statements


def test_a_statement_is_an_in_toto_statement_in_canonical_form(made, kit):
    assert body(made) == {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "credit/1", "digest": {"sha256": kit.BYTES[7:]}}],
        "predicateType": "aims-gates:withdrawal/v1",
        "predicate": {"request": "sha256:" + "1" * 64, "reason": "no longer needed"},
    }
    assert made.payload == canonical_bytes(body(made))
    assert (made.type, made.subject) == ("aims-gates:withdrawal/v1", kit.BYTES)
    assert made.predicate["reason"] == "no longer needed"
    assert len(made.digest) == 71 and made.digest.startswith("sha256:")


def test_a_subject_without_a_name_is_called_by_its_kind(kit):
    assert body(say(Withdrawal("r", "no"), Subject("system", kit.BYTES)))["subject"][0]["name"] == "system"


@pytest.mark.parametrize(
    "changes",
    [
        {"_type": "https://in-toto.io/Statement/v0.1"},
        {"more": 1},
        {"predicateType": 7},
        {"predicate": []},
        {"subject": []},
        {"subject": {}},
        {"subject": ["sha256"]},
        {"subject": [{"name": "a"}]},
        {"subject": [{"digest": "sha256"}]},
        {"subject": [{"digest": {"sha512": "0" * 128}}]},
        {"subject": [{"digest": {"sha256": 5}}]},
        {"subject": [{"digest": {"sha256": "0" * 63}}]},
        {"subject": [{"digest": {"sha256": "0" * 64}}, {"digest": {}}]},
    ],
)
def test_what_is_no_statement_is_refused(made, changes):
    with pytest.raises(InputError, match="statement"):
        _ = with_body(made, **changes).value


@pytest.mark.parametrize("payload", [b"", b"[]", b"null", b"{}", b'{"_type": 1, "_type": 2}', b"\xff", b'{"a": NaN}'])
def test_what_is_no_document_is_no_statement(payload):
    with pytest.raises(InputError):
        _ = Statement(payload).value


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 2**60, object()])
def test_what_json_cannot_carry_cannot_be_said(kit, value):
    with pytest.raises(InputError):
        statement("aims-gates:test/v1", {"value": value}, Subject("model", kit.BYTES))


def test_a_subject_without_a_digest_cannot_be_spoken_about():
    with pytest.raises(InputError, match="digest"):
        statement("aims-gates:test/v1", {}, Subject("model", "latest"))


# Envelopes


def test_an_envelope_goes_out_and_comes_back(made, kit):
    envelope = sign(made, kit.key_of("ci"), kit.key_of("risk"))
    again = Envelope.from_json(json.loads(json.dumps(envelope.to_json())))
    assert again == envelope
    opened, signers = open_envelope(again, [kit.key_of("risk").public, kit.key_of("ci").public])
    assert opened.payload == made.payload
    assert signers == tuple(sorted([kit.key_of("ci").public, kit.key_of("risk").public]))


def test_the_signed_bytes_are_those_of_dsse(kit):
    from aims_gates.attestation.signing.envelope import _signed_bytes

    assert _signed_bytes(b"hello") == b"DSSEv1 28 application/vnd.in-toto+json 5 hello"
    assert len(PAYLOAD_TYPE) == 28


def test_any_altered_byte_of_the_payload_is_found(made, kit):
    envelope = sign(made, kit.key_of("ci"))
    for place in range(len(envelope.payload)):
        for flip in (1, 0x80):
            altered = bytearray(envelope.payload)
            altered[place] ^= flip
            with pytest.raises(IntegrityError, match="the bytes were altered"):
                open_envelope(replace(envelope, payload=bytes(altered)), [kit.key_of("ci").public])


def test_any_altered_byte_of_the_signature_is_found(made, kit):
    [(hint, signature)] = sign(made, kit.key_of("ci")).signatures
    for place in range(len(signature)):
        altered = bytearray(signature)
        altered[place] ^= 1
        with pytest.raises(IntegrityError):
            open_envelope(Envelope(made.payload, ((hint, bytes(altered)),)), [kit.key_of("ci").public])


def test_a_cut_or_longer_payload_is_found(made, kit):
    envelope = sign(made, kit.key_of("ci"))
    for payload in (made.payload[:-1], made.payload + b" ", b""):
        with pytest.raises(IntegrityError):
            open_envelope(replace(envelope, payload=payload), [kit.key_of("ci").public])


def test_an_unknown_signer_is_named_and_refused(made, kit):
    with pytest.raises(IntegrityError, match="unknown signer") as caught:
        open_envelope(sign(made, kit.key_of("stranger")), [kit.key_of("ci").public], "evidence.json")
    assert kit.key_of("stranger").public[:8] in caught.value.message
    assert caught.value.where == "evidence.json" and "keys list" in str(caught.value.remedy)


def test_without_trusted_keys_nothing_opens(made, kit):
    with pytest.raises(IntegrityError):
        open_envelope(sign(made, kit.key_of("ci")), [])
    with pytest.raises(IntegrityError):
        open_envelope(sign(made, kit.key_of("ci")), ["", "not a key"])


def test_a_key_hint_proves_nothing(made, kit):
    key = kit.key_of("ci")
    [(_, signature)] = sign(made, key).signatures
    forged = Envelope(made.payload, ((kit.key_of("risk").public, signature),))
    with pytest.raises(IntegrityError, match="altered"):
        open_envelope(forged, [key.public, kit.key_of("risk").public])
    for hint in ("", "key-1"):
        _, signers = open_envelope(Envelope(made.payload, ((hint, signature),)), [key.public])
        assert signers == (key.public,)


def test_the_same_key_under_two_hints_is_one_signer(made, kit):
    key = kit.key_of("ci")
    [(_, signature)] = sign(made, key).signatures
    twice = Envelope(made.payload, (("a", signature), ("b", signature), (key.public, signature)))
    assert open_envelope(twice, [key.public])[1] == (key.public,)


def test_one_good_signature_among_others_is_enough_and_is_the_only_one_counted(made, kit):
    envelope = sign(made, kit.key_of("stranger"), kit.key_of("ci"))
    assert open_envelope(envelope, [kit.key_of("ci").public])[1] == (kit.key_of("ci").public,)


def test_a_payload_in_another_form_of_the_same_value_is_refused(made, kit):
    spaced = Statement(json.dumps(body(made)).encode())
    with pytest.raises(InputError, match="canonical"):
        open_envelope(sign(spaced, kit.key_of("ci")), [kit.key_of("ci").public])


def test_a_signed_payload_that_is_no_statement_is_refused(kit):
    with pytest.raises(InputError):
        open_envelope(sign(Statement(b"{}"), kit.key_of("ci")), [kit.key_of("ci").public])


@pytest.mark.parametrize(
    "bend",
    [
        lambda value: value | {"payloadType": "text/plain"},
        lambda value: value | {"more": 1},
        lambda value: {key: value[key] for key in ("payload", "payloadType")},
        lambda value: {key: value[key] for key in ("signatures", "payloadType")},
        lambda value: {key: value[key] for key in ("signatures", "payload")},
        lambda value: value | {"payload": value["payload"] + "="},
        lambda value: value | {"payload": value["payload"].replace("e", "*", 1)},
        lambda value: value | {"payload": value["payload"] + "\n"},
        lambda value: value | {"payload": 7},
        lambda value: value | {"payload": "é"},
        lambda value: value | {"payload": "QQ==QQ=="},
        lambda value: value | {"payload": "QR=="},
        lambda value: value | {"signatures": [{"keyid": "a"}]},
        lambda value: value | {"signatures": ["a"]},
        lambda value: value | {"signatures": 7},
        lambda value: [value],
        lambda value: "text",
        lambda value: None,
    ],
)
def test_what_is_no_envelope_is_refused(made, kit, bend):
    value = sign(made, kit.key_of("ci")).to_json()
    with pytest.raises(IntegrityError, match=r"not a DSSE envelope|payloadType must be") as caught:
        Envelope.from_json(bend(value), "file.json")
    assert caught.value.where == "file.json" and caught.value.remedy


def test_an_envelope_without_a_signature_is_refused(made, kit):
    value = sign(made, kit.key_of("ci")).to_json() | {"signatures": []}
    with pytest.raises(IntegrityError, match="the envelope has no signature"):
        Envelope.from_json(value)
    with pytest.raises(IntegrityError):
        open_envelope(Envelope(made.payload, ()), [kit.key_of("ci").public])


def test_an_envelope_holds_standard_base64(made, kit):
    value = sign(made, kit.key_of("ci")).to_json()
    assert base64.b64decode(value["payload"]) == made.payload
    assert value["payloadType"] == PAYLOAD_TYPE and value["signatures"][0]["keyid"] == kit.key_of("ci").public


@settings(max_examples=50, deadline=None)
@given(text=st.text(st.characters(exclude_categories=["Cs"])), number=st.floats(allow_nan=False, allow_infinity=False))
def test_whatever_json_carries_comes_back_as_it_was(kit, text, number):
    said = statement("aims-gates:test/v1", {"text": text, "number": number}, Subject("model", kit.BYTES, text))
    opened, _ = open_envelope(sign(said, kit.key_of("ci")), [kit.key_of("ci").public])
    assert opened.predicate == {"text": text, "number": number}


@pytest.mark.parametrize("number", [2.0**53, -(2.0**60), 1e20, 1e21, 1e300, 5e-324, 2.0**53 - 1, 0.0])
def test_a_large_number_can_be_said_and_read_again(kit, number):
    said = statement("aims-gates:test/v1", {"number": number, "list": [number]}, Subject("model", kit.BYTES))
    opened, _ = open_envelope(sign(said, kit.key_of("ci")), [kit.key_of("ci").public])
    assert opened.predicate == {"number": number, "list": [number]}


@pytest.mark.parametrize("digits", ["9007199254740993", "1" + "0" * 400])
def test_a_number_that_is_no_double_is_refused(made, kit, digits):
    odd = Statement(made.payload.replace(b'"no longer needed"', digits.encode()))
    with pytest.raises(InputError):
        open_envelope(sign(odd, kit.key_of("ci")), [kit.key_of("ci").public])


# Predicates


def evidence(kit, *outcomes):
    found = tuple(kit.finding(outcome) for outcome in outcomes)
    return Evidence("fairness", kit.GATE, {"limit": 0.1}, found, outcomes[-1], "2026-06-01T00:00:00+00:00")


def test_evidence_is_an_in_toto_test_result(kit):
    said = say(evidence(kit, "pass", None, "inconclusive", "error", "fail"), Subject("model", kit.BYTES))
    assert said.type == "https://in-toto.io/attestation/test-result/v0.1"
    assert said.predicate["result"] == "FAILED"
    assert said.predicate["configuration"] == [{"name": "fairness", "digest": {"sha256": kit.GATE[7:]}}]
    assert said.predicate["passedTests"] == ["0:gap"]
    assert said.predicate["warnedTests"] == ["2:gap"]
    assert said.predicate["failedTests"] == ["3:gap", "4:gap"]


@pytest.mark.parametrize(
    ("outcome", "result"), [("pass", "PASSED"), ("fail", "FAILED"), ("inconclusive", "WARNED"), ("error", "FAILED")]
)
def test_evidence_comes_back_as_it_was(kit, outcome, result):
    made = evidence(kit, outcome)
    said = say(made, Subject("model", kit.BYTES))
    assert said.predicate["result"] == result
    assert predicate_of(said) == made == evidence_of(said)


def test_a_summary_that_disagrees_with_its_findings_is_refused(kit):
    said = say(evidence(kit, "fail"), Subject("model", kit.BYTES))
    lying = with_body(said, predicate={**said.predicate, "result": "PASSED"})
    with pytest.raises(InputError, match="disagrees"):
        predicate_of(lying)


def test_a_foreign_test_result_is_refused(kit):
    said = say(evidence(kit, "pass"), Subject("model", kit.BYTES))
    foreign = {key: value for key, value in said.predicate.items() if key != "aims"}
    with pytest.raises(InputError, match="no findings of ours"):
        predicate_of(with_body(said, predicate=foreign))


def test_an_unknown_predicate_type_is_refused(made):
    with pytest.raises(InputError, match="unknown predicate type 'aims-gates:later/v9'"):
        predicate_of(with_body(made, predicateType="aims-gates:later/v9"))


@pytest.mark.parametrize("predicate", [{}, {"request": "r"}, {"request": 1, "reason": "x"}, {"a": 1}])
def test_a_predicate_of_the_wrong_shape_is_refused(made, predicate):
    with pytest.raises(InputError):
        predicate_of(with_body(made, predicate=predicate))


def test_to_say_it_again_is_a_new_statement(kit):
    about = Subject("model", kit.BYTES)
    first, second = (say(Halt("default", "credit", "stop"), about) for _ in range(2))
    assert first.digest != second.digest
    fixed = Halt("default", "credit", "stop", said_at="2026-06-01T00:00:00+00:00")
    assert say(fixed, about).digest == say(fixed, about).digest
    assert predicate_of(say(fixed, about)) == fixed


def test_a_finding_names_what_it_is():
    assert Finding("gap").outcome is None


@pytest.mark.parametrize(
    ("role", "shapes"),
    [
        (
            "policy",
            {
                *("trust", "key-revocation", "activation", "binding", "revocation", "checkpoint"),
                *("portable-grant/v2", "portable-grant/v1", "adoption", "detachment", "open-mode", "untested-mlflow"),
                *("resume", "freed", "intake"),
            },
        ),
        (
            "ci",
            {
                "test-result",
                "predictions",
                "training-data-acceptance",
                "tool-probe",
                "revocation",
                "checkpoint",
                "portable-grant/v1",
            },
        ),
        ("server", {"checkpoint", "portable-grant/v2"}),
        ("developer", {"request", "withdrawal", "intake", "record-submission", "record-entries"}),
        ("on-call", {"halt", "rollback", "revocation"}),
        (
            "risk",
            {
                *("request", "withdrawal", "approval", "rejection", "waiver", "revocation", "resume"),
                *("record-submission", "record-approval", "record-entries"),
            },
        ),
        (
            "owner",
            {
                *("request", "withdrawal", "approval", "rejection", "waiver", "revocation", "resume"),
                *("record-submission", "record-approval", "record-entries", "binding"),
            },
        ),
    ],
)
def test_a_role_may_sign_what_is_written_and_nothing_else(role, shapes):
    from aims_gates.attestation.statements.types import _SHAPES

    own = set() if role == "server" else {"acknowledgement"}  # everybody speaks for themselves
    signed = {uri.rsplit(":", 1)[-1] for uri in _SHAPES if may_sign(role, uri)}
    # Of portable grants there are two versions, and their signers differ.
    assert {uri if uri.startswith("portable") else uri.rsplit("/", 2)[-2] for uri in signed} == shapes | own


@pytest.mark.parametrize("role", [*ROLES, "risk", ""])
def test_nobody_may_sign_the_registrys_acts_or_what_nobody_knows(role):
    assert not any(may_sign(role, uri) for uri in REGISTRY_ACTS)
    assert not may_sign(role, "aims-gates:later/v9") and not may_sign(role, "")


def test_types_are_uris():
    assert type_of(Approval) == "aims-gates:approval/v1"
    assert type_of(Creation) in REGISTRY_ACTS and type_of(Checkpoint) not in REGISTRY_ACTS

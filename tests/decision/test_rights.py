"""Who may take back what: every kind of statement, by everybody, when it is said and when it is counted."""

import pytest

from aims_gates.attestation.statements import evidence, people, policy, registry
from aims_gates.attestation.statements.types import _SHAPES, REGISTRY_ACTS, type_of
from aims_gates.decision.rights import (
    FAILING,
    PARTS,
    RAISING,
    REFUSED_DATA,
    REVOKING,
    WITHDRAWING,
    counting,
    fails,
    lawful,
    outcome_of,
)
from aims_gates.documents.canonical import digest
from aims_gates.errors import InputError, RefusedError
from aims_gates.ledger import size
from aims_gates.model import Finding, Limit

PEOPLE = ("policy", "ci", "ci-2", "developer", "risk", "risk-2", "compliance", "on-call")
PORTABLE = ("default", "credit", "1", "g", "production", "d", "s", "t", "p", "enforce", "production")


def keyholders(kit):
    """One of each role and a second of some; ``developer`` asks, ``risk`` approves and waives."""
    second = [kit.trusted("ci-2", roles=("ci",)), kit.trusted("risk-2", roles=("risk",))]
    return (*map(kit.trusted, kit.ROLES[:5]), *second, kit.trusted("on-call", roles=("on-call", "break-glass")))


def told(story, kit):
    """A story with a statement of every kind; each kind's row."""
    story.trust(*keyholders(kit))
    story.create()
    rows = {"binding": story.bind(), "registration": story.register(), "predictions": story.predict()}
    rows["evidence"] = story.check()
    rows["failing"] = story.check(kit.finding("fail"), gate="drift")
    rows["request"] = story.request(on_behalf_of=kit.person("compliance"))
    rows["approval"] = story.approve("risk")
    rows["waiver"] = story.say(
        people.Waiver("credit", kit.BYTES, "A.6.2.4", "risk", "r", "r", "c", "2026-06-20"), "risk"
    )
    rows["grant"] = story.grant()
    rows["rejection"] = story.say(people.Rejection(rows["request"].digest, "risk", "no"), "risk")
    rows["withdrawal"] = story.say(people.Withdrawal(rows["request"].digest, "no"), "developer")
    rows["revocation"] = story.say(people.Revocation(rows["approval"].digest, "no"), "risk")
    rows["halt"] = story.say(people.Halt("default", "credit", "harm"), "on-call")
    rows["resume"] = story.say(people.Resume("default", "credit", "fixed"), "risk")
    rows["rollback"] = story.say(people.RollbackOrder("default", "credit", "1", "back"), "on-call")
    rows["glass"] = story.say(people.BreakGlass("default", "credit", "1", kit.BYTES, "down", "2026-06-02"), "on-call")
    rows["freed"] = story.say(policy.Freed("default", "another", "no longer used"), "policy")
    rows["activation"] = story.say(policy.Activation("limited", digest("profile"), "somebody"), "policy")
    rows["open mode"] = story.say(policy.OpenMode(True, "tests"), "policy")
    adoption = policy.Adoption("default", "credit", "1", "production", kit.BYTES, "s", "risk", "2026-08-01")
    rows["adoption"] = story.say(adoption, "policy")
    rows["detachment"] = story.say(policy.Detachment("moved"), "policy")
    rows["checkpoint"] = story.say(evidence.Checkpoint(3, "00"), "policy")
    rows["portable"] = story.say(evidence.PortableGrant(*PORTABLE, "2026-06-01", 1, 2, "00", "2026-08-01"), "policy")
    rows["key"] = story.say(policy.KeyRevocation(kit.key_of("developer").public, "lost"), "policy")
    rows["probe"] = story.say(evidence.ToolProbe("default", "credit", "credit", kit.BYTES, ()), "ci")
    rows["trust"] = story.rows[0]
    return rows


#: Kind -> who of :data:`PEOPLE` may revoke it.
MAY = {
    "binding": ("policy",),
    "activation": ("policy",),
    "open mode": ("policy",),
    "adoption": ("policy",),
    "freed": ("policy",),
    "portable": ("policy",),
    "evidence": ("policy", "ci", "ci-2"),
    "predictions": ("policy", "ci", "ci-2"),
    "probe": ("policy", "ci", "ci-2"),
    "request": ("policy", "risk", "compliance"),
    "approval": ("policy", "risk"),
    "waiver": ("policy", "risk", "risk-2"),
    "resume": ("policy", "risk"),
    "grant": ("policy", "on-call"),
    "rollback": ("policy", "on-call"),
    "glass": ("policy", "on-call"),
    **dict.fromkeys(
        ("failing", "rejection", "withdrawal", "revocation", "halt", "detachment", "checkpoint", "key", "trust"), ()
    ),
    "registration": (),
}


@pytest.mark.parametrize("kind", sorted(MAY))
@pytest.mark.parametrize("by", PEOPLE)
def test_a_revocation_counts_where_its_signer_may_say_it(story, kit, kind, by):
    row = told(story, kit)[kind]
    story.say(people.Revocation(row.digest, "a reason of its own"), by)
    assert (row.digest in story.ledger().revoked) == (by in MAY[kind] or kind == "approval")


def test_an_approval_that_its_signer_revoked_is_revoked_and_another_cannot(story, kit):
    story.trust(*keyholders(kit))
    story.bind()
    story.check()
    story.request()
    row = story.approve("risk")
    for by in PEOPLE:
        if by not in MAY["approval"]:
            story.say(people.Revocation(row.digest, f"by {by}"), by)
    assert not story.ledger().revoked
    story.say(people.Revocation(row.digest, "mine"), "risk")
    assert story.ledger().revoked == {row.digest}


@pytest.mark.parametrize(("by", "may"), [("developer", True), ("risk", True), ("compliance", True), ("risk-2", False)])
def test_a_request_is_withdrawn_by_its_requester_their_human_or_an_approver_of_it(story, kit, by, may):
    story.trust(*keyholders(kit))
    story.bind()
    story.check()
    row = story.request(on_behalf_of="compliance")  # by login
    story.approve("risk")
    story.say(people.Withdrawal(row.digest, "not now"), by)
    assert (story.ledger().request("1") is None) == may


def test_an_approval_in_a_role_one_does_not_hold_makes_no_approver(story, kit):
    story.trust(*keyholders(kit))
    story.bind()
    row = story.request()
    story.say(people.Approval(row.digest, "legal"), "compliance")
    story.say(people.Withdrawal(row.digest, "not now"), "compliance")
    assert story.ledger().request("1") is not None


def test_what_was_lawfully_revoked_stays_so_when_the_signer_is_untrusted_later(story, kit):
    row = told(story, kit)["evidence"]
    story.say(people.Revocation(row.digest, "unsound"), "ci-2")
    story.say(policy.KeyRevocation(kit.key_of("ci-2").public, "lost", since=0), "policy")
    assert row.digest in story.ledger().revoked


def test_what_names_no_statement_that_is_there_takes_nothing_back(story):
    story.trust()
    row = story.say(people.Revocation("sha256:" + "0" * 64, "who knows"), "policy")
    assert story.ledger().revoked == set() and counting(story.ledger().trust, [row], story.rows) == []
    assert not lawful(story.ledger().trust, row, [], [])


def test_a_withdrawal_of_what_is_no_request_counts_for_nothing(story, kit):
    row = told(story, kit)["evidence"]
    story.say(people.Withdrawal(row.digest, "no"), "developer")
    assert row.digest not in story.ledger().withdrawn


@pytest.mark.parametrize(
    ("findings", "outcome", "expected"),
    [
        (["pass"], "pass", False),
        (["inconclusive"], "inconclusive", False),
        (["pass", "fail"], "pass", True),
        (["error"], "pass", True),
        (["pass"], "fail", True),
        (["pass"], "error", True),
    ],
)
def test_evidence_fails_where_a_finding_does_or_where_it_says_so(story, kit, findings, outcome, expected):
    story.trust()
    row = story.check(*map(kit.finding, findings), outcome=outcome)
    assert fails(row.predicate) == expected


def test_a_pass_whose_number_breaks_its_limit_fails_whatever_it_says():
    assert outcome_of(Finding("gap", 0.4, limit=Limit("<=", 0.1), outcome="pass")) == "error"


def test_every_kind_of_statement_but_the_registrys_own_has_its_row_and_says_why():
    for right in (*REVOKING.values(), FAILING, REFUSED_DATA, WITHDRAWING):
        assert right.what and right.why and set(right.parts) <= set(PARTS)
        assert right.parts or right.instead, "what nobody may revoke says what ends it"
    assert {*REVOKING, registry.Registration} >= RAISING


def test_the_table_names_every_kind_of_statement_that_people_and_machines_sign():
    assert {type_of(shape) for shape in REVOKING} == set(_SHAPES) - REGISTRY_ACTS | {type_of(registry.Grant)}


@pytest.mark.parametrize(
    ("kind", "by", "said", "remedy"),
    [
        ("binding", "risk", "risk-owner@example.org may not revoke a binding", "May do it: a policy owner. Or: bind"),
        ("failing", "policy", "nobody may revoke evidence that fails", "Instead: newer evidence"),
        ("halt", "on-call", "nobody may revoke a halt", "aims-gates resume"),
        ("grant", "risk", "may not revoke a grant", "a policy owner or a person on call"),
        ("registration", "policy", "nobody may revoke an act of the registry", "it stays on record"),
    ],
)
def test_what_would_count_for_nothing_is_refused_when_it_is_said(world, kit, kind, by, said, remedy):
    row = told(world, kit)[kind]
    before = size(world.connection)
    with pytest.raises(RefusedError, match=said) as caught:
        world.say(people.Revocation(row.digest, "a reason of its own"), by)
    assert remedy in str(caught.value.remedy) and size(world.connection) == before


def test_a_withdrawal_is_refused_too_and_so_is_one_of_nothing(world, kit):
    rows = told(world, kit)
    with pytest.raises(RefusedError, match="may not withdraw a request") as caught:
        world.say(people.Withdrawal(rows["request"].digest, "mine"), "risk-2")
    assert "an approver of that request" in str(caught.value.remedy)
    with pytest.raises(InputError, match="holds no statement"):
        world.say(people.Revocation("sha256:" + "0" * 64, "who knows"), "policy")


def test_a_failure_cannot_be_revoked_into_a_yes(story, kit):
    """Not even by a policy owner, and not by the key that signed it."""
    story.approved()
    failing = story.check(kit.finding("fail"))
    for by in ("policy", "ci"):
        story.say(people.Revocation(failing.digest, f"by {by}"), by)
    assert not story.decide().allowed and story.decide().exit == 2

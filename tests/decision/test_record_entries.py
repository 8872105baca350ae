"""Entries of a record are signed as they are added; a request freezes the facts of a version (rules 7 and 21)."""

from dataclasses import replace

import pytest

from aims_gates.attestation.statements.people import Revocation
from aims_gates.attestation.statements.policy import KeyRevocation
from aims_gates.attestation.statements.records import RecordApproval, RecordEntries, RecordSubmission
from aims_gates.decision.basis import basis_of
from aims_gates.decision.records import entries_signed
from aims_gates.governance.records.entries import entries_digest
from aims_gates.ledger.registry_acts import statements

TEXT, ONE, TWO, BAD = (f"sha256:{digit * 64}" for digit in "7123")
ABOUT = ("system/monitoring", "credit", "records/systems/credit/monitoring.yaml")


def sign(story, *digests, by="developer", place="windows[]", about=ABOUT, removed=(), entries=None):
    noted = {place: digests} if entries is None else entries
    return story.say(RecordEntries(*about, noted, removed, "why" if removed else ""), by, about=TEXT)


def read(story, kit, *digests, place="windows[]"):
    """Evidence that read these entries, under an approved text; gives what says how it is known."""
    entries = {"entries": entries_digest({place: digests})} if digests else {}
    found = kit.finding(rests_on=("record:monitoring",))
    seen = {"monitoring": {"file": ABOUT[2], "digest": TEXT, **entries}}
    row = story.check(findings=(found,), records_read=seen)
    return lambda: basis_of(found, row.predicate, story.ledger(), "credit", row.position)


def signed(story):
    return entries_signed(story.ledger(), *ABOUT[:2])


@pytest.fixture
def begun(story):
    story.begun()
    story.say(RecordSubmission(*ABOUT, TEXT), "developer", about=TEXT)
    story.say(RecordApproval(*ABOUT, TEXT, role="risk"), "risk", about=TEXT)
    return story


def test_an_approved_text_is_attested_when_each_entry_is_signed(begun, kit):
    basis = read(begun, kit, ONE, TWO)
    assert basis() == "declared"
    sign(begun, ONE)
    assert basis() == "declared"
    sign(begun, TWO)
    assert basis() == "attested"
    assert read(begun, kit, TWO, ONE)() == "attested"  # whatever their order


def test_signing_more_voids_nothing_that_was_known_before(begun, kit):
    sign(begun, ONE)
    basis = read(begun, kit, ONE)
    sign(begun, TWO)
    assert basis() == "attested"


def test_an_entry_signed_under_no_approved_text_is_declared(story, kit):
    story.begun()
    sign(story, ONE)
    assert read(story, kit, ONE)() == "declared"


def test_a_signed_entry_that_was_left_out_is_seen(begun, kit):
    sign(begun, ONE)
    sign(begun, BAD)
    basis = read(begun, kit, ONE)  # the bad one is hidden
    assert basis() == "declared" and signed(begun).missing({"windows[]": (ONE,)}) == {BAD}
    sign(begun, TWO, removed=(BAD,))  # a developer does not answer for it
    assert read(begun, kit, ONE, TWO)() == "declared"
    sign(begun, removed=(BAD,), by="risk")
    assert read(begun, kit, ONE, TWO)() == "attested" and not signed(begun).missing({"windows[]": (ONE, TWO)})


@pytest.mark.parametrize("by_key", [False, True])
def test_what_was_noted_is_not_unsaid_by_taking_back_the_signature(begun, kit, by_key):
    sign(begun, ONE)
    word = sign(begun, BAD, ONE)
    begun.say(
        KeyRevocation(kit.key_of("developer").public, "lost", since=word.position)
        if by_key
        else Revocation(word.digest, "oops"),
        "policy",
    )
    assert read(begun, kit, ONE)() == "declared" and read(begun, kit, ONE, BAD)() == "declared"
    assert signed(begun).missing({"windows[]": (ONE,)}) == {BAD}
    sign(begun, BAD, by="risk")
    assert read(begun, kit, ONE, BAD)() == "attested"


def test_the_latest_values_take_the_place_of_those_before(begun, kit):
    sign(begun, ONE, place="rates")
    sign(begun, TWO, place="rates")
    assert read(begun, kit, TWO, place="rates")() == "attested"
    assert read(begun, kit, ONE, place="rates")() == "declared"
    assert signed(begun).missing({"rates": (TWO,)}) == set()
    sign(begun, entries={"rates": ()})
    assert read(begun, kit)() == "attested"


def test_what_is_still_to_be_signed_is_what_a_history_gained_and_whatever_values_differ(begun):
    sign(begun, entries={"windows[]": (ONE,), "rates": (ONE, TWO)})
    due = signed(begun).unsigned
    assert due({"windows[]": (ONE,), "rates": (TWO, ONE)}) == {}
    assert due({"windows[]": (ONE, TWO), "rates": (TWO,)}) == {"windows[]": (TWO,), "rates": (TWO,)}
    assert due({}) == {"rates": ()}


def test_a_services_word_signs_no_entry(begun, kit):
    trusted = [replace(kit.trusted(role), service=role == "developer") for role in kit.ROLES]
    begun.trust(*trusted, version=2)
    sign(begun, ONE)
    assert read(begun, kit, ONE)() == "declared" and signed(begun).entries == {}


def test_entries_are_those_of_one_record_of_one_system(begun, kit):
    sign(begun, ONE, about=("system/monitoring", "loans", ABOUT[2]))
    sign(begun, ONE, about=("system/logging", "credit", ABOUT[2]))
    assert read(begun, kit, ONE)() == "declared"


def test_another_fact_of_the_version_after_the_request_voids_its_approvals(story, kit):
    facts = {"datasheets": {"file": "datasheets.yaml", "digest": TEXT, "facts": ONE}}
    story.begun()
    story.predict()
    story.check(records_read=facts)
    asked = story.request()
    assert asked.predicate.evidence[0].inputs["record:datasheets"] == ONE
    for rule in kit.plan().approvals:
        story.approve(rule.role)
    assert story.decide().allowed
    story.check(records_read=facts)
    assert story.decide().allowed
    story.check(records_read={"datasheets": {**facts["datasheets"], "digest": TWO}})
    assert story.decide().allowed  # another text waits for its own signature
    story.check(records_read={"datasheets": {**facts["datasheets"], "facts": BAD}})
    decision = story.decide()
    assert not decision.allowed and "changed since the request" in str(decision.approvals)


@pytest.mark.parametrize("system", ["credit", ""])
def test_a_decision_reads_what_was_said_of_the_records_that_evidence_names(world, kit, system):
    about = (ABOUT[0], system, ABOUT[2])
    world.begun()
    row = world.check(
        facts={"system": "credit", "name": "credit", "version": "1", "run_creator": "developer"},
        records_read={
            "monitoring": {"file": ABOUT[2], "digest": TEXT, "entries": entries_digest({"windows[]": [ONE]})}
        },
    )
    world.say(RecordSubmission(*about, TEXT), "developer", about=TEXT)
    world.say(RecordApproval(*about, TEXT, role="risk"), "risk", about=TEXT)
    sign(world, ONE, about=about)
    ledger = statements(world.connection, "default", "credit", kit.BYTES)
    found = kit.finding(rests_on=("record:monitoring",))
    assert basis_of(found, row.predicate, ledger, "credit", row.position) == "attested"


def test_where_entries_alone_are_unsigned_they_are_to_be_submitted_and_no_text_approved(begun, kit):
    plan = kit.plan()
    first, *rest = plan.requirements
    begun.bind(replace(plan, requirements=(replace(first, least_basis="attested"), *rest)))
    read(begun, kit, ONE)
    control = begun.decide().controls[0]
    assert control.state == "missing" and f"{ABOUT[2]} has entries that nobody signed" in control.reason
    assert [(text.file, text.role, text.entries) for text in control.unsigned] == [(ABOUT[2], "", True)]
    submit, *others = control.next
    approval = control.evidence[-1]["records"][0]
    assert (approval["record"], approval["digest"]) == ("monitoring", TEXT)
    assert (approval["approved"]["by"], approval["approved"]["role"]) == (["risk-owner@example.org"], "risk")
    assert submit == f"aims-gates records submit {ABOUT[2]} --key AUTHOR.key" and others == [
        "aims-gates records status"
    ]
    sign(begun, ONE)
    assert begun.decide().controls[0].state in ("met", "awaiting-approval")

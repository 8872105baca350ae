"""How a finding is known: derived from what it rests on, whatever anybody wrote (rule 21)."""

from dataclasses import replace

import pytest

from aims_gates.attestation.statements.people import Revocation
from aims_gates.attestation.statements.policy import KeyRevocation
from aims_gates.attestation.statements.records import RecordApproval, RecordSubmission
from aims_gates.decision.basis import basis_of, weakest
from aims_gates.decision.records import record_state
from aims_gates.documents.canonical import digest
from aims_gates.model import Requirement

TEXT = "sha256:" + "7" * 64
OTHER = "sha256:" + "8" * 64
ABOUT = ("system/monitoring", "credit", "records/systems/credit/monitoring.yaml")


def submit(story, *, by="developer", digest=TEXT, about=ABOUT):
    return story.say(RecordSubmission(*about, digest), by, about=digest)


def approve(story, *, by="risk", role="risk", digest=TEXT, about=ABOUT):
    return story.say(RecordApproval(*about, digest, role=role), by, about=digest)


def state(story, digest=TEXT, system="credit", record="system/monitoring"):
    return record_state(story.ledger(), record, system, digest)


def checked(story, kit, *, rests_on=("record:monitoring",), digest=TEXT, least="attested"):
    """Evidence of the one gate that rests on these, under a plan that asks for a basis."""
    plan = kit.plan()
    first, *rest = plan.requirements
    plan = replace(plan, requirements=(replace(first, least_basis=least), *rest))
    story.begun(plan)
    found = kit.finding(rests_on=rests_on)
    read = {"monitoring": {"file": ABOUT[2], "digest": digest}}
    story.check(findings=(found,), records_read=read)
    return found


def first_control(story):
    return story.decide().controls[0]


def test_the_weakest_is_last_and_nothing_is_declared():
    assert weakest(["measured", "attested", "performed"]) == "attested"
    assert weakest([]) == "declared"


@pytest.mark.parametrize(
    ("rests_on", "basis"),
    [
        (("data:evaluation",), "measured"),
        (("model",), "measured"),
        (("data:evaluation", "record:monitoring"), "declared"),
        (("data:nowhere",), "declared"),
        (("record:nowhere",), "declared"),
        (("run",), "declared"),
        (("data:evaluation", "something"), "declared"),
        ((), "declared"),
    ],
)
def test_a_finding_is_as_weak_as_what_it_rests_on(story, kit, rests_on, basis):
    checked(story, kit)
    evidence = story.ledger().all_evidence(kit.step(), kit.BYTES)[-1].evidence
    assert basis_of(kit.finding(rests_on=rests_on), evidence, story.ledger(), "credit", 99) == basis


def test_what_is_typed_does_not_meet_a_control_that_asks_for_a_signature(story, kit):
    checked(story, kit)
    control = first_control(story)
    assert (control.state, control.basis, control.bases) == ("missing", "declared", ("declared",))
    assert control.reason == "typed, unsigned; your profile requires at least: signed"
    assert [(text.file, text.role, text.submitted) for text in control.unsigned] == [(ABOUT[2], "risk", ())]
    assert control.next == (
        f"aims-gates records submit {ABOUT[2]} --key AUTHOR.key",
        f"aims-gates records approve {ABOUT[2]} --key RISK.key",
        "aims-gates records status",
    )
    submit(story)
    control = first_control(story)
    assert control.state == "missing" and control.unsigned[0].submitted == ("developer-owner@example.org",)
    assert control.next[0].startswith("aims-gates records approve")
    approve(story)
    control = first_control(story)
    assert (control.state, control.basis, control.least_basis) == ("met", "attested", "attested")


def test_what_has_to_be_signed_is_told_by_role_and_folder_before_anything_is_asked_for(story, kit):
    files = {
        "monitoring": "records/systems/credit/monitoring.yaml",
        "card": "records/systems/credit/card.yaml",
        "organization/roles": "records/organization/roles.yaml",
        "organization/concerns": "records/organization/concerns.md",
    }
    checked(story, kit)
    read = {name: {"file": file, "digest": TEXT[:-1] + str(place)} for place, (name, file) in enumerate(files.items())}
    rests_on = tuple(f"record:{name}" for name in files)
    story.check(findings=(kit.finding(rests_on=rests_on),), records_read=read)
    assert [action for action in story.decide().actions if "records" in action] == [
        "submit 4 texts, as their author: `aims-gates records submit --all-due --key AUTHOR.key`",
        "approve as compliance, not as the author, records/organization/concerns.md: "
        "`aims-gates records approve records/organization/concerns.md --key COMPLIANCE.key`",
        "approve as risk, not as the author, 2 texts (records/systems/credit: card, monitoring): "
        "`aims-gates records approve --all-due --role risk --key RISK.key`",
        "approve as top-management, not as the author, records/organization/roles.yaml: "
        "`aims-gates records approve records/organization/roles.yaml --key TOP-MANAGEMENT.key`",
    ]
    assert first_control(story).next[-1] == "aims-gates records status"
    assert not any(action.startswith("aims-gates check") for action in story.decide().actions)
    submit(story, digest=read["monitoring"]["digest"])
    approve(story, digest=read["monitoring"]["digest"])
    assert len(first_control(story).unsigned) == 3


def test_a_changed_text_names_who_signed_it_before(story, kit):
    checked(story, kit)
    submit(story)
    approve(story)
    story.check(
        findings=(kit.finding(rests_on=("record:monitoring",)),),
        records_read={"monitoring": {"file": ABOUT[2], "digest": OTHER}},
    )
    control = first_control(story)
    assert control.state == "missing" and control.unsigned[0].earlier == ("risk-owner@example.org",)
    assert control.reason.endswith(f"{ABOUT[2]} was changed after risk-owner@example.org approved it")


def test_a_binding_signs_the_systems_own_file(story, kit):
    checked(story, kit)
    story.check(
        findings=(kit.finding(rests_on=("record:system",)),),
        records_read={"system": {"file": "system.yaml", "digest": OTHER}},
    )
    control = first_control(story)
    assert control.next == ("aims-gates bind credit --key POLICY.key", "aims-gates records status")
    assert "aims-gates bind credit --key POLICY.key" in story.decide().actions


@pytest.mark.parametrize(("rests_on", "least"), [(("run",), "attested"), (("record:monitoring",), "measured")])
def test_what_no_signature_can_mend_has_to_be_checked_again(story, kit, rests_on, least):
    checked(story, kit, rests_on=rests_on, least=least)
    control = first_control(story)
    assert control.state == "missing" and control.unsigned == () and "nobody can sign" in control.reason
    assert control.next[-1].startswith("aims-gates check")


def test_approvals_do_not_hide_that_nothing_is_signed(story, kit):
    plan = kit.plan()
    roles = next(requirement for requirement in plan.requirements if requirement.control == "A.3.2")
    others = [requirement for requirement in plan.requirements if requirement is not roles]
    story.begun(replace(plan, requirements=(replace(roles, gates=("fairness",), least_basis="attested"), *others)))
    read = {"monitoring": {"file": ABOUT[2], "digest": TEXT}}
    story.check(findings=(kit.finding(rests_on=("record:monitoring",), controls=("A.3.2",)),), records_read=read)
    assert first_control(story).state == "missing" and first_control(story).unsigned


def test_a_weaker_basis_is_no_matter_where_the_profile_asks_for_none(story, kit):
    checked(story, kit, least="")
    assert (first_control(story).state, first_control(story).basis) == ("met", "declared")


def test_what_failed_stays_failed_whatever_its_basis(story, kit):
    plan = kit.plan()
    first, *rest = plan.requirements
    story.begun(replace(plan, requirements=(replace(first, least_basis="measured"), *rest)))
    story.check(kit.finding("fail"), outcome="fail")
    assert first_control(story).state == "failed"


def test_approvals_alone_are_acts_that_the_ledger_holds(story, kit):
    story.approved()
    by_id = {control.control: control for control in story.decide().controls}
    assert by_id["A.3.2"].state == "met" and by_id["A.3.2"].basis == "performed"


def test_the_systems_own_file_is_attested_by_the_binding_that_carries_its_digest(story, kit):
    checked(story, kit)
    ledger = story.ledger()
    evidence = ledger.all_evidence(kit.step(), kit.BYTES)[-1].evidence
    found = kit.finding(rests_on=("record:system",))
    bound = ledger.binding().predicate.system_digest
    for text, basis in ((bound, "attested"), (OTHER, "declared")):
        read = replace(evidence, records_read={"system": {"file": "", "digest": text}})
        assert basis_of(found, read, ledger, "credit", 99) == basis


def test_an_organizations_record_is_approved_for_every_system(story, kit):
    checked(story, kit, rests_on=("record:organization/roles",))
    about = ("organization/roles", "", "records/organization/roles.yaml")
    evidence = replace(
        story.ledger().all_evidence(kit.step(), kit.BYTES)[-1].evidence,
        records_read={"organization/roles": {"file": about[2], "digest": TEXT}},
    )
    found = kit.finding(rests_on=("record:organization/roles",))
    submit(story, about=about)
    approve(story, about=about)  # a risk officer does not direct the organization
    assert basis_of(found, evidence, story.ledger(), "credit", 99) == "declared"
    story.trust(*(kit.trusted(role) for role in ("policy", "developer", "risk", "ci", "top-management")), version=2)
    approve(story, by="top-management", role="top-management", about=about)
    assert basis_of(found, evidence, story.ledger(), "credit", 99) == "attested"


def test_a_text_that_nobody_submitted_is_approved_by_nobody(story):
    story.begun()
    approve(story)
    assert state(story).approval is None and "submitted" in state(story).refused
    submit(story)
    assert state(story).approval is None  # what was approved before it was put forward was not read
    approve(story)
    assert state(story).approved_by == ("risk-owner@example.org",)


def test_nobody_approves_their_own_text_or_in_another_role(story):
    story.begun()
    submit(story, by="risk")
    approve(story)
    assert state(story).approval is None and "author" in state(story).refused
    submit(story, digest=OTHER)
    approve(story, by="compliance", role="compliance", digest=OTHER)
    approve(story, by="compliance", digest=OTHER)  # says that it is risk, and is not
    assert state(story, OTHER).approval is None


def test_an_approval_is_of_one_text_of_one_system(story):
    story.begun()
    submit(story)
    approve(story)
    assert state(story).approval is not None
    assert state(story, OTHER).approval is None
    assert state(story, system="loans").approval is None
    assert state(story, record="system/oversight").approval is None
    story.say(RecordSubmission(*ABOUT, OTHER), "developer", about=TEXT)  # the name of one text over another
    story.say(RecordApproval(*ABOUT, OTHER, role="risk"), "risk", about=TEXT)
    assert state(story, OTHER).approval is None


def test_an_approval_ends_with_the_word_or_the_key(story, kit):
    story.begun()
    submit(story)
    given = approve(story)
    story.say(Revocation(given.digest, "read again"), "risk")
    assert state(story).approval is None
    approve(story)
    assert state(story).approval is not None
    story.say(KeyRevocation(kit.key_of("risk").public, "lost", since=0), "policy")
    assert state(story).approval is None


ASSESSMENT = ("system/impact_assessment", "credit", "records/systems/credit/impact_assessment.yaml")


def decided_by_board(story, kit, text, signers, author="developer"):
    """How far a text is that these people signed as the board; risk, compliance and developer are on it."""
    on_it = [replace(kit.trusted(name), roles=(name, "board")) for name in ("risk", "compliance", "developer")]
    story.trust(*on_it, kit.trusted("policy"), version=2)
    about = digest(text)
    story.say(RecordSubmission(*ASSESSMENT, about, text), author, about=about)
    for signer in signers:
        story.say(RecordApproval(*ASSESSMENT, about, role="board"), signer, about=about)
    return record_state(story.ledger(), *ASSESSMENT[:2], about)


@pytest.mark.parametrize(
    ("signers", "signed", "approved"),
    [
        ((), 0, False),
        (("risk",), 1, False),
        (("risk", "risk"), 1, False),  # one person twice
        (("risk", "developer"), 1, False),  # the author
        (("risk", "policy"), 1, False),  # no member
        (("risk", "compliance"), 2, True),
    ],
)
def test_a_board_approves_by_the_quorum_of_its_members(story, kit, signers, signed, approved):
    story.begun()
    progress = decided_by_board(story, kit, {"board": {"quorum": 2}}, signers)
    assert (progress.role, progress.needed, len(progress.members)) == ("board", 2, 3)
    assert (len(progress.approved_by), progress.approval is not None) == (signed, approved)
    assert approved or not signed or progress.refused == "1 signed as board, and 2 have to"


def test_a_member_whose_key_has_lapsed_does_not_count(story, kit):
    story.begun()
    lapsed = replace(kit.trusted("compliance"), roles=("compliance", "board"), not_after="2026-01-01")
    progress = decided_by_board(story, kit, {"board": {"quorum": 2}}, ("risk",))
    story.trust(replace(kit.trusted("risk"), roles=("risk", "board")), lapsed, kit.trusted("policy"), version=3)
    about = digest({"board": {"quorum": 2}})
    story.say(RecordApproval(*ASSESSMENT, about, role="board"), "compliance", about=about)
    again = record_state(story.ledger(), *ASSESSMENT[:2], about)
    assert again.approved_by == progress.approved_by == ("risk-owner@example.org",) and again.approval is None


@pytest.mark.parametrize(
    ("text", "role", "needed"),
    [
        ({"board": {"quorum": 3}}, "board", 3),
        ({"board": {"quorum": True}}, "board", 2),  # no number: one alone is no board
        ({"board": {"quorum": 0}}, "board", 2),
        ({"board": "yes"}, "board", 2),
        ({"groups": []}, "risk", 1),
    ],
)
def test_the_text_says_whether_a_board_decides_and_how_many_of_it(story, kit, text, role, needed):
    story.begun()
    progress = decided_by_board(story, kit, text, ())
    assert (progress.role, progress.needed) == (role, needed)


def test_a_text_that_is_not_kept_may_be_the_boards(story, kit):
    story.begun()
    submit(story, about=ASSESSMENT)
    assert state(story, record=ASSESSMENT[0]).role == "board"
    story.say(RecordSubmission(*ASSESSMENT, TEXT, {"groups": []}), "developer", about=TEXT)  # another text's words
    assert state(story, record=ASSESSMENT[0]).role == "board"


def test_before_there_is_a_trust_list_a_board_has_no_members(story):
    about = digest({"board": {"quorum": 2}})
    story.say(RecordSubmission(*ASSESSMENT, about, {"board": {"quorum": 2}}), "developer", about=about)
    assert record_state(story.ledger(), *ASSESSMENT[:2], about).members == ()


def test_a_requirement_without_a_least_basis_is_written_as_before(kit):
    from aims_gates.documents.canonical import plain

    written = plain(Requirement("A.6.2.4", "title", "why", "block", ("fairness",)))
    assert "least_basis" not in written
    assert plain(replace(kit.plan().requirements[0], least_basis="attested"))["least_basis"] == "attested"


def test_the_first_release_is_what_the_grants_say(story, kit):
    def basis(**facts):
        evidence = replace(story.ledger().all_evidence(kit.step(), kit.BYTES)[-1].evidence, facts=facts)
        return basis_of(kit.finding(rests_on=("ledger",)), evidence, story.ledger(), "credit", 99)

    checked(story, kit)
    assert basis(first_release=True) == "performed"
    assert basis(first_release=False) == basis(released_on="2026-01-01") == basis() == "declared"
    day = story.grant().at.date().isoformat()
    assert basis(released_on=day) == "performed"
    assert basis(released_on="2020-01-01") == "declared"
    assert basis(first_release=True) == "performed"  # it was made before
    late = replace(story.ledger().all_evidence(kit.step(), kit.BYTES)[-1].evidence, produced_at="2099-01-01T00:00:00Z")
    late = replace(late, facts={"first_release": True})
    assert basis_of(kit.finding(rests_on=("ledger",)), late, story.ledger(), "credit", 99) == "declared"

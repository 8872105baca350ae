"""Whose signature counts, at which place."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aims_gates.attestation.statements.people import Approval, Halt, Withdrawal
from aims_gates.attestation.statements.policy import KeyRevocation, Trust, TrustedUser
from aims_gates.attestation.statements.types import SAID_FOR, type_of
from aims_gates.attestation.statements.wording import say
from aims_gates.attestation.trust_list import Row, TrustHistory, alike, check_trust, day
from aims_gates.errors import InputError, RefusedError
from aims_gates.model import Subject


def history(story):
    return TrustHistory.of(story.rows)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-09-30", date(2026, 9, 30)),
        ("2026-9-30", None),
        ("20260930", None),
        ("2026-W40-3", None),
        ("2026-02-30", None),
        ("２０２６-09-30", None),
        ("2026-09-30 ", None),
        ("", None),
    ],
)
def test_a_day_is_written_in_one_way(text, expected):
    assert day(text) == expected


def test_names_are_compared_without_case_width_and_blanks():
    assert alike(" Risk-Owner@Example.org") == alike("risk-owner@example.org") == alike("ｒisk-owner@example.org ")
    assert alike("risk") != alike("rise")


def test_a_trust_list_that_can_be_meant_is_accepted(kit):
    check_trust(Trust(1, tuple(kit.trusted(role, not_before="2026-01-01") for role in kit.ROLES)))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"key": "0" * 63}, "not a public key"),
        ({"key": "A" * 64}, "not a public key"),
        ({"roles": ()}, "a person and at least one role"),
        ({"person": "  "}, "a person and at least one role"),
        ({"not_before": "soon"}, "'soon' is not a date"),
        ({"not_after": "2026-9-30"}, "'2026-9-30' is not a date"),
        ({"roles": ("outside-reviewer",)}, "'outside-reviewer' is for people from outside"),
        ({"roles": ("outside-reviewer",), "organization": " \u200b"}, "is for people from outside"),
        ({"person": "policy-owner@example.org", "organization": "Acme"}, "listed for two organizations"),
        ({"person": "Policy-Owner@example.org"}, "already spelled 'policy-owner@example.org'"),
    ],
)
def test_a_trust_list_that_cannot_be_meant_is_refused(kit, changes, said):
    with pytest.raises(InputError, match=said) as caught:
        check_trust(Trust(1, (kit.trusted("policy"), kit.trusted("risk", **changes))))
    assert caught.value.remedy and "trust list" in str(caught.value.where)


def test_the_same_key_under_two_names_is_refused(kit):
    key = kit.key_of("policy").public
    with pytest.raises(InputError, match=r"already belongs to 'policy-owner@example\.org'"):
        check_trust(Trust(1, (kit.trusted("policy"), kit.trusted("risk", key=key))))
    with pytest.raises(InputError, match="already belongs to"):
        check_trust(Trust(1, (kit.trusted("policy"), kit.trusted("policy"))))


def test_a_key_does_not_change_hands_from_list_to_list(story, kit):
    story.trust()
    handed = kit.trusted("compliance", key=kit.key_of("risk").public)
    row = story.trust(kit.trusted("policy"), handed, version=2)
    with pytest.raises(InputError, match="already belongs to"):
        TrustHistory.of(story.rows[:1]).take(row)
    respelled = kit.trusted("risk", person="RISK-owner@example.org", key=kit.key_of("another").public)
    row = story.trust(kit.trusted("policy"), respelled, version=2)
    with pytest.raises(InputError, match="already spelled"):
        TrustHistory.of(story.rows[:1]).take(row)


def test_a_list_without_a_policy_key_is_refused(kit):
    with pytest.raises(InputError, match="no key has the role 'policy'"):
        check_trust(Trust(1, (kit.trusted("risk"),)))


def test_the_first_list_is_signed_by_a_policy_key_that_it_holds(story):
    row = story.trust(by="risk")
    with pytest.raises(RefusedError, match="must be signed by a policy key"):
        TrustHistory().take(row)
    assert history(story).lists == []
    row = story.trust(by="stranger")
    with pytest.raises(RefusedError):
        TrustHistory().take(row)


def test_later_lists_need_a_policy_key_of_the_list_before(story, kit):
    story.trust()
    newcomer = kit.trusted("newcomer", roles=("policy",))
    row = story.trust(newcomer, version=2, by="newcomer")
    with pytest.raises(RefusedError, match="only a policy key of the list in force"):
        history(story).take(row)
    assert [version.version for _, version in history(story).lists] == [1]
    story.trust(newcomer, version=2)
    story.trust(newcomer, version=3)  # the policy owner of the first list is off the list by now
    story.trust(newcomer, version=4, by="newcomer")
    assert [version.version for _, version in history(story).lists] == [1, 2, 4]


@pytest.mark.parametrize("version", [0, 1])
def test_a_list_must_be_newer(story, version):
    story.trust()
    row = story.trust(version=version)
    with pytest.raises(RefusedError, match="not newer"):
        TrustHistory.of(story.rows[:1]).take(row)


def test_a_list_holds_from_the_place_after_it(story, kit):
    story.trust(kit.trusted("policy"))
    story.trust(kit.trusted("policy"), kit.trusted("risk"), version=2)
    found = history(story)
    assert found.current(0) is None
    assert found.current(1).version == 1
    assert found.current(2).version == 2 == found.current().version
    assert TrustHistory().current() is None and TrustHistory().keys() == set()
    assert found.keys() == {kit.key_of("policy").public, kit.key_of("risk").public}


@pytest.mark.parametrize(
    ("window", "counts"),
    [
        ({}, True),
        ({"not_before": "2026-06-01"}, True),
        ({"not_before": "2026-06-02"}, False),
        ({"not_after": "2026-06-01"}, True),
        ({"not_after": "2026-05-31"}, False),
        ({"not_before": "2026-05-01", "not_after": "2026-07-01"}, True),
    ],
)
def test_a_key_signs_within_its_window(story, kit, window, counts):
    story.trust(kit.trusted("policy"), kit.trusted("risk", **window))
    row = story.say(Withdrawal("r", "no"), "risk")
    assert bool(history(story).holders(row)) is counts


def test_a_window_is_counted_in_utc(story, kit):
    story.trust(kit.trusted("policy"), kit.trusted("risk", not_before="2026-06-02"))
    row = story.say(Withdrawal("r", "no"), "risk")
    east = datetime(2026, 6, 2, 1, tzinfo=timezone(timedelta(hours=2)))
    assert not history(story).holders(replace(row, at=east))
    assert history(story).holders(replace(row, at=datetime(2026, 6, 2, tzinfo=UTC)))


def test_a_revoked_key_counts_for_nothing_from_there_on(story, kit):
    story.trust()
    before = story.say(Withdrawal("r", "no"), "risk")
    revocation = story.say(KeyRevocation(kit.key_of("risk").public, "lost"), "policy")
    after = story.say(Withdrawal("r2", "no"), "risk")
    found = history(story)
    assert found.holders(before) and not found.holders(after) and not found.admitted(after)
    assert found.revoked == {kit.key_of("risk").public: revocation.position}


def test_a_revocation_may_reach_back_and_what_was_said_stays_on_record(story, kit):
    story.trust()
    before = story.say(Withdrawal("r", "no"), "risk")
    between = story.say(Withdrawal("r2", "no"), "risk")
    story.say(KeyRevocation(kit.key_of("risk").public, "lost", since=between.position), "policy")
    found = history(story)
    assert found.holders(before) and not found.holders(between)
    assert found.admitted(between)


@pytest.mark.parametrize(("first", "second", "expected"), [(1, None, 1), (None, 1, 1), (None, None, 3), (9, 9, 3)])
def test_the_earliest_revocation_of_a_key_counts(story, kit, first, second, expected):
    story.trust()
    story.say(Withdrawal("r", "no"), "risk")
    story.say(Withdrawal("r2", "no"), "risk")
    for since in (first, second):
        story.say(KeyRevocation(kit.key_of("risk").public, "lost", since), "policy")
    assert history(story).revoked == {kit.key_of("risk").public: expected}
    assert history(story).told == {kit.key_of("risk").public: 3}


def test_a_revoked_key_does_not_come_back_with_a_newer_list(story, kit):
    story.trust()
    story.say(KeyRevocation(kit.key_of("risk").public, "lost"), "policy")
    story.trust(version=2)
    row = story.say(Withdrawal("r", "no"), "risk")
    assert not history(story).holders(row)


def test_only_policy_revokes_keys_and_only_keys_that_there_were(story, kit):
    story.trust()
    row = story.say(KeyRevocation(kit.key_of("policy").public, "mine now"), "risk")
    with pytest.raises(RefusedError):
        history(story).take(row)
    for key in (kit.key_of("stranger").public, "a typing error"):
        row = story.say(KeyRevocation(key, "lost"), "policy")
        with pytest.raises(InputError, match="no list holds the key"):
            history(story).take(row)
    assert history(story).revoked == {}


def test_a_revoked_policy_key_changes_nothing_any_more(story, kit):
    story.trust(kit.trusted("policy"), kit.trusted("second", roles=("policy",)))
    story.say(KeyRevocation(kit.key_of("policy").public, "lost"), "second")
    story.trust(kit.trusted("policy"), version=2)
    assert len(history(story).lists) == 1


def test_signers_are_counted_by_the_bytes_of_their_keys(story, kit):
    story.trust()
    row = story.say(Withdrawal("r", "no"), "risk", "compliance", "stranger", "ci")
    assert {entry.person for entry in history(story).holders(row)} == {kit.person("risk"), kit.person("compliance")}


def test_a_key_needs_one_role_that_may_say_it(story, kit):
    story.trust(kit.trusted("policy", roles=("policy", "on-call")), kit.trusted("risk"))
    assert history(story).holders(story.say(Halt("default", "credit", "stop"), "policy"))
    assert not history(story).holders(story.say(Halt("default", "credit", "stop"), "risk"))


def test_people_are_found_by_any_login_on_any_list(story, kit):
    story.trust(kit.trusted("policy"), kit.trusted("risk", logins=("Rita", "r2")))
    story.trust(kit.trusted("policy"), kit.trusted("compliance", logins=("rita",)), version=2)
    found = history(story)
    assert found.people_of("RITA") == {"rita", kit.person("risk"), kit.person("compliance")}
    assert found.people_of("r2") == {"r2", kit.person("risk")}
    assert found.people_of(kit.person("risk").upper()) == {kit.person("risk")}
    assert found.people_of("unknown") == {"unknown"}


def with_users(kit, *users, **server):
    """A list with a policy owner, a server's key, an approver's key, and these users."""
    entry = kit.trusted("server", person="server", logins=(), service=True, **server)
    return Trust(1, (kit.trusted("policy"), entry, kit.trusted("risk")), users)


def rita(**changes):
    return replace(TrustedUser("rita", "Rita", ("risk", "compliance")), **changes)


def people(found, row):
    return [(entry.person, entry.roles) for entry in found.holders(row)]


def test_what_a_server_signs_for_a_user_is_that_persons_word(story, kit):
    story.say(with_users(kit, rita()), "policy")
    said = story.say(Approval("r", "risk", user="rita"), "server")
    assert people(history(story), said) == [("Rita", ("risk", "compliance"))]


@pytest.mark.parametrize(
    ("user", "signers"),
    [
        (None, ("server",)),  # a server has no word of its own
        ("rita", ("risk",)),  # a personal key speaks for its holder alone
        ("rita", ("policy", "risk")),
        ("rita", ("stranger",)),
        ("rita", ()),
        ("Rita", ("server",)),  # a login is spelled exactly
        ("zoe", ("server",)),
        ("", ("server",)),
    ],
)
def test_nobody_else_names_a_user(story, kit, user, signers):
    story.say(with_users(kit, rita()), "policy")
    assert people(history(story), story.say(Approval("r", "risk", user=user), *signers)) == []


def test_a_personal_key_beside_the_servers_adds_nothing_to_a_users_word(story, kit):
    story.say(with_users(kit, rita()), "policy")
    row = story.say(Approval("r", "risk", user="rita"), "server", "risk")
    assert [person for person, _ in people(history(story), row)] == ["Rita"]
    row = story.say(Approval("r", "risk"), "server", "risk")
    assert [person for person, _ in people(history(story), row)] == [kit.person("risk")]


def test_roles_decide_what_is_said_for_a_user(story, kit):
    story.say(with_users(kit, rita(roles=("on-call",))), "policy")
    assert people(history(story), story.say(Approval("r", "risk", user="rita"), "server")) == []
    assert people(history(story), story.say(Halt("default", "credit", "x", user="rita"), "server")) != []


@pytest.mark.parametrize(
    ("changes", "server"),
    [
        ({"not_before": "2026-06-02"}, {}),
        ({"not_after": "2026-05-31"}, {}),
        ({}, {"not_before": "2026-06-02"}),
        ({}, {"not_after": "2026-05-31"}),
    ],
)
def test_the_windows_of_user_and_server_both_hold(story, kit, changes, server):
    story.say(with_users(kit, rita(**changes), **server), "policy")
    assert people(history(story), story.say(Approval("r", "risk", user="rita"), "server")) == []


@pytest.mark.parametrize("gone", ["user:rita", "server"])
def test_revoking_the_user_or_the_server_ends_the_word(story, kit, gone):
    story.say(with_users(kit, rita(), rita(login="other", person="Other")), "policy")
    before = story.say(Approval("r", "risk", user="rita"), "server")
    key = kit.key_of("server").public if gone == "server" else gone
    story.say(KeyRevocation(key, "lost", 1), "policy")
    after, other = (story.say(Approval("r", "risk", user=user), "server") for user in ("rita", "other"))
    found = history(story)
    assert people(found, before) == [] == people(found, after)
    assert found.admitted(before) and not found.admitted(after)
    assert (people(found, other) == []) is (gone == "server")


def test_a_revocation_of_an_unknown_user_is_refused(story, kit):
    story.say(with_users(kit, rita()), "policy")
    row = story.say(KeyRevocation("user:None", "x"), "policy")
    with pytest.raises(InputError, match="no list holds the key user:None"):
        history(story).take(row)
    with pytest.raises(InputError, match=r"no list holds the key 0{8}\.\.\."):
        history(story).take(story.say(KeyRevocation("0" * 64, "x"), "policy"))


def test_a_login_called_none_is_nobody_elses(story, kit):
    """A statement that names no user is not that of a user called None."""
    story.say(with_users(kit, rita(login="None")), "policy")
    row = story.say(Approval("r", "risk"), "risk")
    story.say(KeyRevocation("user:None", "left", 0), "policy")
    assert people(history(story), row) != []


def test_people_behind_a_login_are_found_through_users_too(story, kit):
    story.say(with_users(kit, rita()), "policy")
    assert history(story).people_of("RITA") == {"rita"}
    story.say(with_users(kit, rita(person="Rita Roe", login="rr")), "policy")
    assert TrustHistory.of(story.rows[1:]).people_of("rr") == {"rr", "rita roe"}


@pytest.mark.parametrize(
    ("users", "said"),
    [
        ([rita(login="")], "needs a login"),
        ([rita(login="\u200b")], "needs a login"),
        ([rita(roles=("server",))], "cannot be a server"),
        ([rita(roles=())], "at least one role"),
        ([rita(person=" ")], "a person"),
        ([rita(not_after="soon")], "is not a date"),
        ([rita(), rita()], "the login already belongs to 'Rita'"),
        ([rita(), rita(login="RITA", person="Zoe")], "the login already belongs to 'Rita'"),
        ([rita(), rita(login="r2", person="rita")], "already spelled 'Rita'"),
        ([rita(login="risk")], "the login already belongs to 'risk-owner@example.org'"),
    ],
)
def test_users_that_cannot_be_meant_are_refused(kit, users, said):
    with pytest.raises(InputError, match=said) as caught:
        check_trust(with_users(kit, *users))
    assert caught.value.remedy


def test_a_login_does_not_change_hands_from_list_to_list(story, kit):
    story.say(with_users(kit, rita()), "policy")
    handed = replace(with_users(kit, rita(person="Zoe")), version=2)
    with pytest.raises(InputError, match="the login already belongs to 'Rita'"):
        history(story).take(story.say(handed, "policy"))
    respelled = replace(with_users(kit, rita(login="r2", person="RITA")), version=2)
    with pytest.raises(InputError, match="already spelled 'Rita'"):
        TrustHistory.of(story.rows[:1]).take(story.say(respelled, "policy"))


def test_one_person_may_have_a_key_and_a_login(kit):
    check_trust(with_users(kit, rita(login="risk", person=kit.person("risk"))))


def test_a_servers_key_holds_no_other_role(kit):
    entry = kit.trusted("server", roles=("server", "risk"))
    with pytest.raises(InputError, match="holds no other role"):
        check_trust(Trust(1, (kit.trusted("policy"), entry)))


def test_people_from_outside_hold_what_is_for_them_and_what_is_for_anybody(kit):
    outside = kit.trusted("risk", roles=("outside-reviewer", "risk"), organization="Acme Audit")
    check_trust(Trust(1, (kit.trusted("policy"), outside)))
    login = rita(person=outside.person, organization="ACME audit", roles=("outside-reviewer",))
    check_trust(Trust(1, (kit.trusted("policy"), outside), (login,)))
    with pytest.raises(InputError, match="is for people from outside"):
        check_trust(with_users(kit, rita(roles=("outside-reviewer",))))


def test_a_list_without_organizations_has_the_bytes_it_always_had(kit):
    said = say(Trust(1, (kit.trusted("policy"),)), Subject("organization", "sha256:" + "0" * 64))
    assert "organization" not in said.predicate["keys"][0]
    outside = kit.trusted("policy", organization="Acme Audit")
    said = say(Trust(1, (outside,)), Subject("organization", "sha256:" + "0" * 64))
    assert said.predicate["keys"][0]["organization"] == "Acme Audit"


def test_a_list_without_users_has_the_bytes_it_always_had(kit):
    said = say(Trust(1, (kit.trusted("policy"),)), Subject("organization", "sha256:" + "0" * 64))
    assert set(said.predicate) == {"version", "keys"}
    assert "user" not in say(Approval("r", "risk"), Subject("model", "sha256:" + "0" * 64)).predicate


NAMES = ["rita", "Rita", "zoe", None]
SIGNERS = ["server", "risk", "policy", "stranger"]


@given(
    user=st.sampled_from(NAMES),
    signers=st.sets(st.sampled_from(SIGNERS)),
    roles=st.sets(st.sampled_from(["risk", "on-call"]), min_size=1),
)
def test_a_user_counts_only_through_the_server_and_only_by_the_list(kit, user, signers, roles):
    """Who counts is the listed user under a server's signature, or the holder of a personal key that names none."""
    listed = with_users(kit, rita(roles=tuple(sorted(roles))))
    at = datetime(2026, 6, 1, tzinfo=UTC)
    first = Row(0, at, say(listed, Subject("organization", "sha256:" + "0" * 64)), (kit.key_of("policy").public,))
    said = say(Approval("r", "risk", user=user, said_at="x"), Subject("model", "sha256:" + "0" * 64))
    row = Row(1, at, said, tuple(sorted(kit.key_of(name).public for name in signers)))
    found = {entry.person for entry in TrustHistory.of([first]).holders(row)}
    assert said.type in SAID_FOR and said.type == type_of(Approval)
    if user is None:
        assert found == ({kit.person("risk")} if "risk" in signers else set())
    else:
        assert found == ({"Rita"} if user == "rita" and "server" in signers and "risk" in roles else set())

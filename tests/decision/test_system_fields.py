"""Whose signature a change of a system wants: the table is whole, and the decision holds to it."""

from dataclasses import replace
from typing import Any

import pytest

from aims_gates.attestation.statements.people import Revocation
from aims_gates.attestation.statements.policy import Scheduled
from aims_gates.decision.in_force import StatementView
from aims_gates.decision.system_fields import RULES, changes, fields_of, rule_of
from aims_gates.governance.records.reader import System

SYSTEM: dict[str, Any] = {
    "tier": "high",
    "title": "Credit",
    "data": {"evaluation": "e.csv"},
    "roles": {"target": "y", "sensitive": ["sex"]},
    "gates": {"fairness": {"reference": "max"}},
    "facts": {},
    "family": None,
}
OWNER = "the owner"


def view(story: Any) -> StatementView:
    """What is in force about the name."""
    return StatementView(story.rows, "default", "credit")


@pytest.fixture
def bound(story: Any, kit: Any) -> Any:
    """A name that a policy owner bound, and somebody on the trust list who owns the system."""
    key = kit.trusted("owner", person=OWNER, logins=())
    story.trust(*map(kit.trusted, kit.ROLES), key)
    story.bind(owner=OWNER, fields=fields_of(SYSTEM))
    return story


def test_every_field_of_a_system_is_in_the_table() -> None:
    listed = {rule.field.removesuffix(".*").partition(".")[0] for rule in RULES}
    assert listed == {field.alias or name for name, field in System.model_fields.items()}


@pytest.mark.parametrize(
    ("change", "how", "signer"),
    [
        ("tier", "changed", "policy"),
        ("profile", "added", "policy"),
        ("owner", "changed", "policy"),
        ("gates.fairness.limits", "changed", "policy"),
        ("modes.observe", "added", "policy"),
        ("facts.automated", "removed", "policy"),
        ("data.evaluation", "changed", "owner"),
        ("data.production", "added", "owner"),
        ("title", "changed", "owner"),
        ("roles.sensitive.age", "added", "owner"),
        ("roles.sensitive.age", "removed", "policy"),
        ("roles.target.y", "removed", "policy"),
        ('roles."sensitive.x".age', "added", "policy"),
        ("database", "changed", "policy"),
        ("datafile", "added", "policy"),
        ("a_field_of_a_later_version", "added", "policy"),
        ("", "changed", "policy"),
    ],
)
def test_the_table_says_whose_signature_and_the_unknown_wants_a_policy_owner(
    change: str, how: Any, signer: str
) -> None:
    assert rule_of(change, how).signer == signer


def test_fields_are_compared_one_by_one() -> None:
    after = SYSTEM | {"tier": "minimal", "roles": {"target": "y", "sensitive": ["age", "sex"]}, "data": {}}
    listed = {(change.field, change.how) for change in changes(fields_of(SYSTEM), fields_of(after))}
    assert listed == {("tier", "changed"), ("roles.sensitive.age", "added"), ("data.evaluation", "removed")}


def test_the_owner_may_bind_other_paths_and_more_columns_anew(bound: Any) -> None:
    after = SYSTEM | {"data": {"evaluation": "elsewhere.csv"}, "roles": {"target": "y", "sensitive": ["sex", "age"]}}
    row = bound.bind(by="owner", owner=OWNER, fields=fields_of(after), system_digest="sha256:" + "1" * 64)
    assert view(bound).binding() == row


@pytest.mark.parametrize(
    "changed",
    [
        {"fields": fields_of(SYSTEM | {"tier": "minimal"})},
        {"fields": fields_of(SYSTEM | {"roles": {"target": "y", "sensitive": []}})},
        {"fields": fields_of(SYSTEM | {"gates": {}})},
        {"fields": fields_of(SYSTEM | {"unheard_of": 1})},
        {"fields": {}},
        {"owner": "somebody else"},
        {"kind": "prompt"},
        {"modes": (Scheduled("observe", "2020-01-01"),)},
        {"system_digest": "sha256:" + "1" * 64},
    ],
)
def test_what_wants_a_policy_owner_does_not_count_by_the_owner_alone(bound: Any, changed: dict[str, Any]) -> None:
    made = {"owner": OWNER, "fields": fields_of(SYSTEM), **changed}
    bound.bind(by="owner", **made)
    assert "wants a policy owner" in str(view(bound).unbound())
    assert not bound.decide().allowed
    bound.bind(by="policy", **made)
    assert view(bound).unbound() is None


def test_another_plan_wants_a_policy_owner_whatever_the_fields_say(bound: Any, kit: Any) -> None:
    weaker = replace(kit.plan(), approvals=())
    bound.bind(weaker, by="owner", owner=OWNER, fields=fields_of(SYSTEM))
    assert "the plan" in str(view(bound).unbound())


def test_it_must_be_the_owner_whom_a_policy_owner_named(story: Any, kit: Any) -> None:
    story.trust(*map(kit.trusted, kit.ROLES), kit.trusted("owner", person="another owner", logins=()))
    story.bind(owner=OWNER, fields=fields_of(SYSTEM))
    story.bind(by="owner", owner=OWNER, fields=fields_of(SYSTEM | {"title": "Loans"}))
    assert "the system's owner" in str(view(story).unbound())


def test_the_owner_does_not_sign_their_own_change_nor_bind_first(story: Any, kit: Any) -> None:
    story.trust(*map(kit.trusted, kit.ROLES), kit.trusted("owner", person=OWNER, logins=()))
    story.bind(by="owner", owner=OWNER, fields=fields_of(SYSTEM))
    assert "none that counts stands before it" in str(view(story).unbound())
    story.bind(owner=OWNER, fields=fields_of(SYSTEM))
    story.bind(by="owner", owner=OWNER, author=OWNER, fields=fields_of(SYSTEM | {"title": "Loans"}))
    assert "nobody signed but the author" in str(view(story).unbound())


def test_it_falls_with_the_binding_that_it_rests_on(bound: Any) -> None:
    first = view(bound).binding()
    bound.bind(by="owner", owner=OWNER, fields=fields_of(SYSTEM | {"title": "Loans"}))
    bound.bind(by="owner", owner=OWNER, fields=fields_of(SYSTEM | {"title": "More loans"}))
    assert view(bound).unbound() is None
    assert first is not None
    bound.say(Revocation(first.digest, "found wrong"), "policy", about=first.digest)
    assert "none that counts stands before it" in str(view(bound).unbound())

"""Coverage: where every model stands, what is due, the Statement of Applicability, and who owns what is missing."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, create_engine, event
from sqlalchemy.pool import StaticPool

from aims_gates.attestation.statements.people import Halt, Waiver
from aims_gates.attestation.statements.policy import Scheduled
from aims_gates.attestation.statements.registry import Transition
from aims_gates.documents.canonical import digest_bytes
from aims_gates.evaluation.plan import make_plan
from aims_gates.governance.controls import catalogue
from aims_gates.ledger import history
from aims_gates.model import Plan
from aims_gates.packs.find import find_gates
from aims_gates.portfolio import (
    NO_REASON,
    ModelView,
    coverage,
    due_fields,
    due_keys,
    due_of,
    sort_due,
    statement_of_applicability,
    status,
    view,
    views,
)
from aims_gates.portfolio.owners import role_of
from aims_gates.profiles import read_profile
from aims_gates.simulation import synthetic

#: What the samples of A.6.2.4 do not show.
WITHOUT = " without comparison with the champion, robustness, security"


class Fleet:
    """Several registered models in one ledger, each told as a story of its own."""

    def __init__(self, kit: Any, connection: Connection) -> None:
        self.kit, self.connection = kit, connection
        self.first = kit.World(connection)
        self.first.trust()

    def model(self, name: str) -> Any:
        """A story whose statements are about this model and bytes of its own."""
        kit, about = self.kit, digest_bytes(name.encode())

        class Named(kit.World):  # type: ignore[misc, name-defined]
            def say(self, predicate: Any, *roles: str, about: str = about) -> Any:
                if getattr(predicate, "name", None) == "credit":
                    predicate = replace(predicate, name=name)
                return super().say(predicate, *roles, about=self.subject if about == kit.BYTES else about)

            def ledger(self) -> Any:
                from aims_gates.decision.in_force import StatementView

                return StatementView(self.rows, "default", name)

            def request(self, version: str = "1", by: str = "developer", **rest: Any) -> Any:
                return super().request(version, by, self.subject)

            def grant(self, version: str = "1", **rest: Any) -> Any:
                return super().grant(version, self.subject, **rest)

        made = Named(self.connection)
        made.subject = about
        made.rows, made.now = self.first.rows, self.first.now
        return made

    def granted(self, name: str, plan: Plan | None = None, ends: Any = None, **binding: Any) -> Any:
        """A model checked, approved and in production."""
        story = self.model(name)
        plan = plan or self.kit.plan()
        story.create(), story.bind(plan, **binding), story.register(), story.predict(isolation="bwrap")
        for step in plan.steps:
            found = [self.kit.finding(controls=(control,), **(ends or {})) for control in step.controls]
            fixed = plan.evaluation_digest or self.kit.TABLE
            story.check(
                *found,
                gate=step.gate,
                gate_digest=step.digests[0],
                params=step.params,
                data={"evaluation": fixed},
            )
        asked = story.request()
        for rule in plan.approvals:
            story.approve(rule.role)
        story.grant(request=asked.digest)
        self.first.now = story.now
        return story

    def view(self, name: str, now: Any = None, version: str | None = None) -> ModelView:
        return view(self.connection, "default", name, now or self.first.now + timedelta(hours=1), version)


@pytest.fixture
def fleet(kit: Any) -> Iterator[Fleet]:
    from aims_gates.ledger import install, lock

    engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
    with engine.begin() as connection:
        install(connection)
        lock(connection)
        yield Fleet(kit, connection)
    engine.dispose()


def line(seen: ModelView) -> Any:
    return status(seen, [each.due for each in due_of(seen)])


def test_a_model_in_production_whose_criteria_hold_is_met(fleet: Fleet) -> None:
    story = fleet.granted("credit-a")
    found = line(fleet.view("credit-a"))
    assert (found.state, found.version, found.missing, found.system, found.tier) == ("met", "1", 0, "credit", "limited")
    assert found.request == ""
    assert found.since == story.now.date().isoformat()
    assert found.next_expiry == (fleet.kit.START + timedelta(days=30)).date().isoformat()


def test_a_grant_whose_evidence_has_ended_shows_renewal_due_and_stands(fleet: Fleet) -> None:
    fleet.granted("credit-a")
    seen = fleet.view("credit-a", fleet.first.now + timedelta(days=40))
    assert (line(seen).state, line(seen).version, line(seen).missing) == ("renewal due", "1", 1)


def test_a_grant_whose_records_review_is_due_shows_until_when_a_promotion_would_pass(fleet: Fleet) -> None:
    story = fleet.granted("credit-a", ends={"until": "2026-06-03", "renewal": "2027-06-03"})
    for later, state in ((1, "met"), (3, "renewal due, grace until 2026-07-03"), (34, "renewal due")):
        assert line(fleet.view("credit-a", story.now + timedelta(days=later))).state == state


def test_a_granted_version_whose_evidence_is_revoked_is_unmet(fleet: Fleet) -> None:
    from aims_gates.attestation.statements.people import Revocation
    from aims_gates.attestation.statements.types import type_of
    from aims_gates.model import Evidence

    story = fleet.granted("credit-a")
    [row] = [each for each in story.rows if each.type == type_of(Evidence)]
    story.say(Revocation(row.digest, "found wrong"), "policy")
    assert line(fleet.view("credit-a", story.now + timedelta(hours=1))).state == "unmet 1"


def test_a_version_that_waits_for_evidence_is_unmet_and_shows_its_request(fleet: Fleet) -> None:
    story = fleet.model("credit-a")
    story.create(), story.bind(), story.register(), story.predict()
    assert line(fleet.view("credit-a", story.now)).state == "unmet 2"
    story.check()
    story.request()
    found = line(fleet.view("credit-a", story.now))
    assert (found.state, found.version, found.since) == ("unmet 1", "", "")
    assert len(found.request) == 12


def test_a_model_without_a_binding_is_unbound(fleet: Fleet) -> None:
    story = fleet.model("stray")
    story.create(), story.register()
    found = line(fleet.view("stray", story.now))
    assert (found.state, found.system, found.next_expiry) == ("unbound", "", "")


def test_a_halted_model_is_halted_until_a_new_grant(fleet: Fleet) -> None:
    story = fleet.granted("credit-a")
    story.say(Halt("default", "credit-a", "harm seen"), "on-call")
    found = line(fleet.view("credit-a", story.now))
    assert (found.state, found.version) == ("halted", "")
    story.grant()
    assert line(fleet.view("credit-a", story.now)).state != "halted"


def test_a_model_under_observation_never_counts_as_met(fleet: Fleet) -> None:
    fleet.granted("credit-a", modes=(Scheduled("observe", "2020-01-01"),))
    assert line(fleet.view("credit-a")).state == "observe"


def test_an_alias_that_was_taken_away_is_no_production(fleet: Fleet) -> None:
    story = fleet.granted("credit-a")
    story.say(Transition("default", "credit-a", "1", "production", "alias deleted", "somebody"))
    assert line(fleet.view("credit-a", story.now)).version == ""


def test_many_models_are_read_in_a_few_looks_and_stand_as_each_by_itself(fleet: Fleet) -> None:
    fleet.granted("credit-a")
    fleet.granted("credit-b", modes=(Scheduled("observe", "2020-01-01"),))
    waits, unbound = fleet.model("credit-c"), fleet.model("credit-d")
    waits.create(), waits.bind(), waits.register(), waits.predict(), waits.check(), waits.request()
    unbound.create(), unbound.register()
    twin = fleet.model("credit-e")
    twin.subject = digest_bytes(b"credit-a")
    twin.create(), twin.bind(), twin.register(), twin.grant()
    twin.say(Halt("default", "credit-e", "harm seen"), "on-call")
    now = twin.now + timedelta(hours=1)

    def read(count: int) -> int:
        for place in range(count):
            stray = fleet.model(f"stray-{place}")
            stray.create(), stray.register()
        statements: list[str] = []

        def note(_c: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
            statements.append(statement)

        event.listen(fleet.connection, "before_cursor_execute", note)
        together = list(views(fleet.connection, now))
        event.remove(fleet.connection, "before_cursor_execute", note)
        assert together == [view(fleet.connection, "default", seen.name, now) for seen in together]
        assert [seen.state for seen in together][:5] == [fleet.view(seen.name, now).state for seen in together[:5]]
        return len(statements)

    few, many = read(0), read(60)
    assert many <= few + 2, "60 more models cost no reads of their own"


def test_sixty_models_under_the_whole_profile_fit_a_table_and_a_minute(fleet: Fleet) -> None:
    gates = find_gates()
    resolved = read_profile("high", gates)
    plan = make_plan(synthetic(resolved.profile), resolved, gates)
    plan = replace(plan, steps=tuple(replace(step, pins=()) for step in plan.steps))
    for place in range(5):
        fleet.granted(f"credit-{place}", replace(plan, evaluation_digest=fleet.kit.TABLE))
    for place in range(5, 60):
        story = fleet.model(f"credit-{place}")
        story.create(), story.bind(plan), story.register()
    found = [line(seen) for seen in views(fleet.connection, fleet.first.now + timedelta(hours=1))]
    states = [each.state for each in found]
    assert (len(found), states.count("met"), states.count(f"unmet {len(plan.requirements)}")) == (60, 5, 55)


def test_everything_that_ends_is_due_with_its_date_and_command(fleet: Fleet) -> None:
    kit = fleet.kit
    fleet.granted("credit-a", kit.plan(profile_expires="2026-12-31"))
    story = fleet.model("credit-a")
    story.now = fleet.first.now
    ends = (story.now + timedelta(days=20)).date().isoformat()
    story.say(Waiver("credit", story.subject, "A.6.2.4", "risk", "r", "r", "c", ends), "risk")
    found = {each.said: each for each in due_of(fleet.view("credit-a", story.now))}
    day = kit.START.date()
    assert found["evidence of fairness"].due == (day + timedelta(days=30)).isoformat()
    assert found["evidence of fairness"].next == "aims-gates check --model credit-a --version 1"
    assert found[f"approval by {kit.person('risk')} as risk"].due == (day + timedelta(days=90)).isoformat()
    assert found["waiver of A.6.2.4"].due == ends
    assert found["the profile limited"].due == "2026-12-31"
    assert {each.about for each in found.values()} == {"credit-a 1"}


def test_a_record_that_ends_before_its_evidence_is_due_first_and_ends_what_rests_on_it(fleet: Fleet, kit: Any) -> None:
    story = fleet.granted("credit-1")
    story.check(kit.finding(until="2026-06-10", over={"record": "system/card"}), about=story.subject)
    seen = fleet.view("credit-1")
    (due,) = [each for each in due_of(seen) if each.kind == "fact"]
    assert (due.due, due.said) == ("2026-06-10", "fairness: gap")
    assert due.next == "renew system/card, then: aims-gates check --model credit-1 --version 1"
    assert line(seen).next_expiry == "2026-06-10"
    (row,) = [each for each in coverage(seen, due_of(seen), {}) if each.control == "A.6.2.4"]
    assert row.by == "2026-06-10"


def test_overdue_comes_first_and_days_count_from_the_day_asked(fleet: Fleet) -> None:
    fleet.granted("credit-a", fleet.kit.plan(profile_expires="2026-06-15"))
    found = sort_due(due_of(fleet.view("credit-a")))
    assert [each.due for each in found] == sorted(each.due for each in found)
    assert found[0].kind == "profile"
    assert found[0].days(date(2026, 6, 20)) == -5
    assert found[0].days(date(2026, 6, 15)) == 0


def test_keys_that_end_are_due_unless_revoked(kit: Any, world: Any) -> None:
    from aims_gates.attestation.statements.policy import KeyRevocation

    entries = [kit.trusted(role, not_after="2026-12-01") for role in kit.ROLES]
    world.trust(*entries)
    world.say(KeyRevocation(kit.key_of("ci").public, "lost"), "policy")
    found = list(due_keys(history(world.connection)))
    assert {each.about for each in found} == {kit.person(role) for role in kit.ROLES if role != "ci"}
    assert {each.due for each in found} == {"2026-12-01"}


def test_dates_in_records_are_due_wherever_they_stand() -> None:
    record = {
        "next_review": "2027-01-01",
        "name": "ignored",
        "suppliers": [{"supplier": "A bureau", "review_by": "2026-05-01"}],
        "nonconformities": [
            {"id": "n1", "due": "2026-04-01"},
            {"id": "n2", "due": "2026-04-01", "closed_on": "2026-03-01"},
        ],
        "end_of_support": "soon",
    }
    found = list(due_fields(record, "records/organization/x.yaml"))
    assert [(each.due, each.said) for each in found] == [
        ("2027-01-01", "its review"),
        ("2026-05-01", "A bureau: its review"),
        ("2026-04-01", "n1: the date by which it is to be done"),
    ]
    assert found[1].next == "review it and set suppliers.0.review_by"


def rows_of(*said: tuple[str, bool, str]) -> dict[str, Any]:
    rows = ({"control": c, "applicable": a, "reason": r, "state": "implemented"} for c, a, r in said)
    return {"rows": [{**row, "risks": ["R-1"]} for row in rows]}


def test_the_statement_has_a_row_for_each_control_and_says_where_a_reason_lacks(fleet: Fleet) -> None:
    fleet.granted("credit-a")
    found = {row.control: row for row in statement_of_applicability(None, [], [fleet.view("credit-a")])}
    assert list(found) == list(catalogue())
    assert found["A.6.2.4"].reason == "required by profile limited of credit"
    assert found["A.6.2.4"].implementation == f"evidence criteria met{WITHOUT}"
    assert found["A.6.2.4"].models == {"credit-a": "met"}
    assert len(found["A.6.2.4"].statements) == 1
    assert found["A.6.2.4"].until == (fleet.kit.START + timedelta(days=30)).date().isoformat()
    assert (found["A.2.2"].applicable, found["A.2.2"].reason) == (None, NO_REASON)
    assert found["A.2.2"].problem


def test_the_record_gives_the_reason_and_a_contradiction_is_named(fleet: Fleet) -> None:
    fleet.granted("credit-a")
    record = rows_of(
        ("A.6.2.4", False, "we test nothing"), ("A.10.4", False, "we serve ourselves"), ("A.2.2", True, "TODO")
    )
    found = {row.control: row for row in statement_of_applicability(record, [], [fleet.view("credit-a")])}
    assert "yet it is required by profile limited of credit" in found["A.6.2.4"].problem
    assert (found["A.10.4"].applicable, found["A.10.4"].reason, found["A.10.4"].problem) == (
        False, "we serve ourselves", "",
    )  # fmt: skip
    assert (found["A.2.2"].reason, bool(found["A.2.2"].problem)) == (NO_REASON, True)


def test_implementation_counts_models_and_never_the_observed(fleet: Fleet, kit: Any) -> None:
    fleet.granted("credit-a")
    fleet.granted("credit-b", modes=(Scheduled("observe", "2020-01-01"),))
    now = fleet.first.now + timedelta(hours=1)
    found = {row.control: row for row in statement_of_applicability(None, [], list(views(fleet.connection, now)))}
    assert found["A.6.2.4"].implementation == "met for 1 of 2"
    assert found["A.6.2.4"].models == {"credit-a": "met", "credit-b": "observed"}


def _in_state(model: Any, name: str, state: str) -> Any:
    """A model like this one, with its controls in this state."""
    other = replace(model)
    controls = tuple(replace(each, state=state) for each in model.decision.controls)
    vars(other).update(name=name, plan=model.plan, decision=replace(model.decision, controls=controls))
    return other


def _stated(model: Any, recorded: str, *states: str) -> Any:
    """The row of A.6.2.4 over models in these states."""
    record = rows_of(("A.6.2.4", True, "models decide here"))
    record["rows"][0]["state"] = recorded
    models = [_in_state(model, f"credit-{place}", state) for place, state in enumerate(states)]
    return {row.control: row for row in statement_of_applicability(record, [], models)}["A.6.2.4"]


def test_what_is_not_applicable_is_never_counted_as_met(fleet: Fleet) -> None:
    fleet.granted("credit-a")
    model = fleet.view("credit-a")
    cases = {
        ("not-applicable",): "not applicable on every bound model",
        ("not-applicable", "not-applicable"): "not applicable on every bound model",
        ("met", "not-applicable"): f"evidence criteria met{WITHOUT}; not applicable on 1",
        ("met", "failed", "not-applicable"): "met for 1 of 2; not applicable on 1",
        ("failed", "not-applicable"): "not met; not applicable on 1",
        ("waived", "not-applicable"): "met for 0 of 1, 1 waived; not applicable on 1",
        ("met", "met"): f"evidence criteria met{WITHOUT}",
    }
    for states, words in cases.items():
        assert _stated(model, "planned", *states).implementation == words


def test_a_record_that_says_implemented_against_the_evidence_is_a_problem(fleet: Fleet) -> None:
    fleet.granted("credit-a")
    model = fleet.view("credit-a")
    cases = {
        ("not-applicable",): "no bound model needs it",
        ("failed",): "credit-0 (failed)",
        ("met", "failed"): "credit-1 (failed)",
        ("missing", "not-applicable"): "credit-0 (missing)",
        ("met", "missing"): "",
        ("met", "not-applicable"): "",
        ("waived",): "",
    }
    for states, words in cases.items():
        said = _stated(model, "implemented", *states).problem
        assert words in said and bool(words) == bool(said), states
        assert _stated(model, "planned", *states).problem == ""


def test_a_row_says_what_calls_for_the_control_and_ones_own_controls_follow(kit: Any) -> None:
    own = {"control": "X.1", "applicable": True, "reason": "a second look", "state": "planned"}
    demand = [{"kind": "law", "what": "Article 26(1)"}]
    record = rows_of(("A.6.2.4", True, "models decide here"), ("A.2.2", True, "staff must know"))
    record["rows"][0] |= {"risks": ["R-1", "R-2"], "required_by": demand}
    record["rows"][1]["risks"] = []
    rows = {row.control: row for row in statement_of_applicability({"rows": [*record["rows"], own]}, [kit.plan()], [])}
    assert list(rows) == [*catalogue(), "X.1"]
    assert rows["A.6.2.4"].called_for == ("risk R-1", "risk R-2", "law: Article 26(1)")
    assert "under risks" in rows["A.2.2"].problem and not rows["A.6.2.4"].problem
    for lack in ("under risks", "under title", "under evidence"):
        assert lack in rows["X.1"].problem
    whole = {**own, "title": "Second look", "required_by": demand, "evidence": ["oversight", "minutes"]}
    row = statement_of_applicability({"rows": [whole]}, [kit.plan()], [])[-1]
    assert (row.title, row.evidenced_by, row.problem) == ("Second look", ("oversight", "minutes"), "")


def test_without_a_ledger_the_plans_alone_give_reasons(kit: Any) -> None:
    found = {row.control: row for row in statement_of_applicability(None, [kit.plan()], [])}
    assert found["A.6.2.4"].applicable is True
    assert found["A.6.2.4"].implementation == "no evidence: no model is bound"
    assert found["A.2.2"].implementation == "no bound model requires it"


RECORDS = {
    "organization/roles": {"roles": [{"role": "model_validator", "holders": ["validator@example.org"]}]},
    "assignments": {"assignments": {"system_owner": "owner@example.org"}},
}


def test_coverage_says_what_is_missing_who_owns_it_and_what_to_run(fleet: Fleet) -> None:
    story = fleet.model("credit-a")
    story.create(), story.bind(), story.register()
    seen = fleet.view("credit-a", story.now)
    found = {row.control: row for row in coverage(seen, due_of(seen), RECORDS)}
    assert found["A.6.2.4"].owner == "model_validator (validator@example.org)"
    assert (found["A.6.2.4"].state, found["A.6.2.4"].by) == ("missing", "before promotion")
    assert found["A.6.2.4"].next == "aims-gates check --model credit-a --version 1"
    assert found["A.3.2"].owner == "approvers: risk, compliance"


def test_coverage_of_a_granted_version_says_until_when_and_lists_what_is_missing_first(fleet: Fleet) -> None:
    fleet.granted("credit-a")
    ends = (fleet.kit.START + timedelta(days=30)).date().isoformat()
    for days, missing in ((1, False), (40, True)):
        seen = fleet.view("credit-a", fleet.first.now + timedelta(days=days))
        first, *_ = rows = coverage(seen, due_of(seen), {})
        found = {row.control: row for row in rows}["A.6.2.4"]
        assert (found.by, found.missing, found.owner) == (ends, missing, "model_validator")
        assert first.missing is missing


@pytest.mark.parametrize(
    ("control", "role"),
    [("A.7.4", "data_steward"), ("A.6.2.4", "model_validator"), ("A.2.2", "top_management"), ("A.3.3", "aims_manager")],
)
def test_every_control_has_a_role_that_usually_answers_for_it(control: str, role: str) -> None:
    assert role_of(control) == role
    assert all(role_of(each) for each in catalogue())


def test_times_are_utc(fleet: Fleet) -> None:
    fleet.granted("credit-a")
    assert fleet.view("credit-a").now.tzinfo is UTC

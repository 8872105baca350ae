"""A model that is not bound yet gets the whole table of controls, and is refused all the same."""

from datetime import UTC, datetime

import pytest

from aims_gates.attestation.statements.policy import Binding
from aims_gates.attestation.statements.wording import say
from aims_gates.decision.rules import Ask
from aims_gates.documents.canonical import digest_bytes
from aims_gates.mlflow_plugin.client.unbound import as_if_bound
from aims_gates.model import Evidence, Finding, Limit, Outcome, Plan, Requirement, Step, Subject

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
BYTES, GATE = digest_bytes(b"a model"), digest_bytes(b"a gate")
STEP = Step("performance", "Performance", (GATE,), {}, ("A.6.2.4",), 90)
NEEDED = Requirement("A.6.2.4", "Verification", "it must be measured", "block", ("performance",))
PLAN = Plan("loans", "minimal", "shop", digest_bytes(b"p"), digest_bytes(b"w"), "production", (NEEDED,), (STEP,), ())


def evidence(outcome: Outcome) -> Evidence:
    value = 0.9 if outcome == "pass" else 0.4
    finding = Finding("roc_auc", value, n=10, limit=Limit(">=", 0.6), outcome=outcome, controls=("A.6.2.4",))
    return Evidence("performance", GATE, {}, (finding,), outcome, NOW.isoformat(), {"evaluation": BYTES})


@pytest.mark.parametrize(("outcome", "state"), [("pass", "met"), ("fail", "failed")])
def test_the_controls_are_decided_as_the_binding_would_have_them_and_nothing_is_allowed(
    outcome: Outcome, state: str
) -> None:
    ask = Ask("default", "loans", "1", BYTES, "production", NOW)
    binding = Binding("default", "loans", "model", PLAN, digest_bytes(b"system.yaml"))
    statements = [say(evidence(outcome), Subject("model", BYTES))]
    decision = as_if_bound(ask, binding, "is bound to no system", statements, [], NOW)
    assert [(control.control, control.state) for control in decision.controls] == [("A.6.2.4", state)]
    assert not decision.allowed and not decision.criteria_met and decision.exit != 0
    assert decision.problems[-1].startswith("'loans' is bound to no system")
    assert decision.actions[-1] == "aims-gates bind loans --system loans --key POLICY.key"

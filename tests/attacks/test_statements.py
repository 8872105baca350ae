"""Statements that are signed and true and yet promote nothing: about something else, by somebody else, or too late.

Each claim is a model of its own on the server under attack, everything about it as the rules ask but for one thing. The
unprivileged user who registered it then asks for production over HTTP.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from types import ModuleType
from typing import Any

import pytest

from aims_gates.attestation.statements.evidence import Predictions
from aims_gates.attestation.statements.people import Approval, Rejection, Revocation, Waiver
from aims_gates.attestation.statements.policy import Binding, Freed, KeyRevocation, Trust, TrustedKey
from aims_gates.attestation.statements.types import type_of
from aims_gates.documents.canonical import digest, digest_bytes
from aims_gates.errors import AimsGatesError
from aims_gates.model import Approver, Evidence, Finding, Limit, Plan, Step, Subject
from tests.attacks.target import USER, Target

FIXED, OTHER_SET, TABLE = (digest_bytes(each) for each in (b"evaluation", b"another set", b"table"))
#: Who signs in the claims, beside those of every world: key -> (person, roles, more).
SIGNERS: dict[str, tuple[str, tuple[str, ...], dict[str, Any]]] = {
    "ci-expired": ("Ci", ("ci",), {"service": True, "not_after": "2020-12-31"}),
    "ci-early": ("Ci", ("ci",), {"service": True, "not_before": "2999-01-01"}),
    "ci-revoked": ("Ci", ("ci",), {"service": True}),
    "risk-second": ("Risk", ("risk",), {}),
    "owner": ("Owner", ("risk",), {"logins": (USER,)}),
}


@dataclass
class Claim:
    """One model, and what is said of it."""

    target: Target
    worlds: ModuleType
    name: str
    subject: str

    @property
    def world(self) -> Any:
        return self.target.world

    def plan(self, **changes: Any) -> Plan:
        """The worlds' plan, its evidence on signed predictions over a set that is fixed."""
        made = self.worlds.plan(evaluation_digest=FIXED, **changes)
        step: Step = replace(made.steps[0], trusted_predictions=True)
        return replace(made, steps=(step,))

    def say(self, predicate: Any, by: str, subject: str | None = None) -> str:
        return str(self.world.sign(predicate, Subject("model", subject or self.subject), by))

    def bound(self, author: str = "somebody", by: str = "policy", **changes: Any) -> str:
        said = Binding(
            self.world.workspace, self.name, "model", self.plan(**changes), digest_bytes(b"system"), author=author
        )
        return self.say(said, by, digest_bytes(b"system"))

    def predicted(self, data: str = FIXED, subject: str | None = None, by: str = "ci") -> None:
        self.say(Predictions(data, TABLE, 100, datetime.now(UTC).isoformat()), by, subject)

    def evidence(self, by: str = "ci", subject: str | None = None, **changes: Any) -> str:
        """Evidence that counts, but for the changes."""
        limit = Limit(">=", 0.8)
        findings = tuple(
            Finding("accuracy", value=0.9, n=100, limit=limit, outcome="pass", controls=(each,))
            for each in ("A.6.2.4", "A.7.4")
        )
        said = Evidence(
            "performance", self.worlds.GATE, {}, findings, "pass", datetime.now(UTC).isoformat(),
            {"evaluation": FIXED}, {"evaluation": 100}, predictions=TABLE,
        )  # fmt: skip
        return self.say(replace(said, **changes), by, subject)

    def asked(self) -> str:
        return str(self.world.request(self.name, 1, self.subject))

    def approved(self, request: str, by: str = "risk", role: str = "risk", comment: str = "") -> str:
        return self.say(Approval(request, role, comment), by)

    def whole(self) -> str:
        """Everything that is needed; gives the request."""
        self.bound()
        self.predicted()
        self.evidence()
        request = self.asked()
        self.approved(request)
        return request

    def answer(self) -> tuple[int, bytes]:
        """What the server answers the user who asks for production: status and body."""
        body = {"name": self.name, "alias": "production", "version": "1"}
        return self.target.send("POST /api/2.0/mlflow/registered-models/alias", body, {})


def rest(claim: Claim, evidence: Callable[[], Any], **plan: Any) -> None:
    """All but the evidence, which is the claim's."""
    claim.bound(**plan)
    claim.predicted()
    evidence()
    claim.approved(claim.asked())


def only(claim: Claim, approve: Callable[[str], Any], **plan: Any) -> None:
    """All but the approval, which is the claim's."""
    claim.bound(**plan)
    claim.predicted()
    claim.evidence()
    approve(claim.asked())


def other_bytes(claim: Claim) -> str:
    """The digest of the model that is in production."""
    return "sha256:" + claim.target.names["released"]


def of_other_bytes_alone(claim: Claim) -> None:
    claim.bound()
    claim.predicted(subject=other_bytes(claim))
    claim.evidence(subject=other_bytes(claim))
    claim.approved(claim.asked())


def predictions_of(claim: Claim, data: str = FIXED, subject: str | None = None, by: str = "ci") -> None:
    claim.bound()
    claim.predicted(data, subject, by)
    claim.evidence()
    claim.approved(claim.asked())


def bound_anew_after_approval(claim: Claim) -> None:
    claim.whole()
    claim.bound(profile_digest=digest_bytes(b"a stricter profile"))


def revoked(claim: Claim, what: type) -> None:
    claim.whole()
    rows = claim.world.all_of(claim.name, claim.subject).rows
    found = [row for row in rows if row.type == type_of(what)][-1]
    by = "risk" if what is Approval else "policy"
    claim.say(Revocation(found.digest, "found wrong"), by, found.digest)


def failed_then_hidden(claim: Claim, by: str) -> None:
    """A failure after the approval, which somebody revokes."""
    claim.whole()
    failure = claim.evidence(findings=FAILED[:1], outcome="fail")
    claim.say(Revocation(failure, "tidy"), by, failure)


def withdrawn_then_rejected_back(claim: Claim) -> None:
    """A rejection of the request, which its own signer revokes."""
    request = claim.whole()
    rejection = claim.say(Rejection(request, "risk", "not good"), "risk")
    claim.say(Revocation(rejection, "I take it back"), "risk", rejection)


def let_go(claim: Claim, by: str) -> None:
    """All in place, and then a name that nobody governs."""
    claim.whole()
    claim.say(Freed(claim.world.workspace, claim.name, "no longer used"), by)


def waived(claim: Claim, by: str, subject: str | None = None) -> None:
    """No evidence, and a waiver of each control that does not count."""
    claim.bound()
    for control in ("A.6.2.4", "A.7.4"):
        until = (datetime.now(UTC) + timedelta(days=5)).date().isoformat()
        said = Waiver("mortgage", subject or claim.subject, control, "risk", "in haste", "some", "none", until)
        claim.say(said, by)
    claim.approved(claim.asked())


def twice_by_one_key(claim: Claim, second: str) -> None:
    def approve(request: str) -> None:
        claim.approved(request)
        claim.approved(request, second, comment="once more")

    only(claim, approve, approvals=(Approver("risk", 2),))


FAILED = tuple(
    Finding("accuracy", value=value, n=100, limit=Limit(">=", 0.8), outcome=outcome, controls=("A.6.2.4", "A.7.4"))  # type: ignore[arg-type]
    for value, outcome in ((0.1, "fail"), (0.1, "pass"), (None, "pass"))
)
OLD = (datetime.now(UTC) - timedelta(days=60)).isoformat()
CLAIMS: dict[str, Callable[[Claim], Any]] = {
    "evidence of other bytes": lambda claim: rest(claim, lambda: claim.evidence(subject=other_bytes(claim))),
    "evidence and predictions of other bytes": of_other_bytes_alone,
    "predictions of another model": lambda claim: predictions_of(claim, subject=other_bytes(claim)),
    "predictions over another set": lambda claim: predictions_of(claim, data=OTHER_SET),
    "predictions signed by a developer": lambda claim: predictions_of(claim, by="dev"),
    "evidence over another set": lambda claim: rest(claim, lambda: claim.evidence(data={"evaluation": OTHER_SET})),
    "an old gate": lambda claim: rest(claim, lambda: claim.evidence(gate_digest=digest_bytes(b"an old gate"))),
    "looser parameters": lambda claim: rest(claim, lambda: claim.evidence(params={"limit": 0})),
    "old evidence": lambda claim: rest(claim, lambda: claim.evidence(produced_at=OLD)),
    "evidence made for another system": lambda claim: rest(claim, lambda: claim.evidence(facts={"system": "other"})),
    "a failure": lambda claim: rest(claim, lambda: claim.evidence(findings=FAILED[:1], outcome="fail")),
    "a failure called a pass": lambda claim: rest(claim, lambda: claim.evidence(findings=FAILED[1:2])),
    "a pass without a number": lambda claim: rest(claim, lambda: claim.evidence(findings=FAILED[2:])),
    "a pass without findings": lambda claim: rest(claim, lambda: claim.evidence(findings=())),
    "evidence by an expired key": lambda claim: rest(claim, lambda: claim.evidence("ci-expired")),
    "evidence by a key before its time": lambda claim: rest(claim, lambda: claim.evidence("ci-early")),
    "evidence by a revoked key": lambda claim: rest(claim, lambda: claim.evidence("ci-revoked")),
    "evidence by a developer": lambda claim: rest(claim, lambda: claim.evidence("dev")),
    "no approval": lambda claim: only(claim, lambda _: None),
    "approval by CI": lambda claim: only(claim, lambda request: claim.approved(request, "ci")),
    "approval by a developer": lambda claim: only(claim, lambda request: claim.approved(request, "dev")),
    "approval in another role": lambda claim: only(claim, lambda request: claim.approved(request, role="compliance")),
    "own approval through a second name": lambda claim: only(claim, lambda request: claim.approved(request, "owner")),
    "approval of another request": lambda claim: only(claim, lambda _: claim.approved(claim.target.names["request"])),
    "the same key twice": lambda claim: twice_by_one_key(claim, "risk"),
    "two keys of one person": lambda claim: twice_by_one_key(claim, "risk-second"),
    "another profile than was approved": bound_anew_after_approval,
    "a binding by a developer": lambda claim: claim.bound(by="dev"),
    "a binding by its own author": lambda claim: rest(claim, claim.evidence, author="Policy"),
    "revoked evidence": lambda claim: revoked(claim, Evidence),
    "a revoked approval": lambda claim: revoked(claim, Approval),
    "a revoked binding": lambda claim: revoked(claim, Binding),
    "a failure that a policy owner revoked": lambda claim: failed_then_hidden(claim, "policy"),
    "a failure that its own key revoked": lambda claim: failed_then_hidden(claim, "ci"),
    "a failure that an approver revoked": lambda claim: failed_then_hidden(claim, "risk"),
    "a rejection that was revoked": withdrawn_then_rejected_back,
    "a name that was let go": lambda claim: let_go(claim, "policy"),
    "waived by CI": lambda claim: waived(claim, "ci"),
    "waived by a developer": lambda claim: waived(claim, "dev"),
    "waived for other bytes": lambda claim: waived(claim, "risk", other_bytes(claim)),
}


@pytest.fixture(scope="module")
def signers(target: Target) -> None:
    """The world's trust list with the claims' signers on it, one of them revoked."""
    world = target.world
    listed: Trust = world.seen("loan").trust.current()
    more = tuple(TrustedKey(world.key(key).public, who, roles, **rest) for key, (who, roles, rest) in SIGNERS.items())
    changed = Trust(listed.version + 1, (*listed.keys, *more), listed.users)
    world.sign(changed, Subject("organization", digest(changed)), "policy")
    gone = KeyRevocation(world.key("ci-revoked").public, "copied")
    world.sign(gone, Subject("organization", digest(gone)), "policy")


def claimed(target: Target, worlds: ModuleType, number: int) -> Claim:
    """A model of its own bytes that the user logs and registers; staged."""

    def ask(line: str, body: Any) -> Any:
        status, said = target.send(line, body, {})
        assert status == 200, said
        return json.loads(said or "{}")

    name, place = f"claim-{number}", target.names["e1"]
    run = ask("POST /api/2.0/mlflow/runs/create", {"experiment_id": place})["run"]["info"]["run_id"]
    logged = {"experiment_id": place, "name": "model", "source_run_id": run}
    model = ask("POST /api/2.0/mlflow/logged-models", logged)["model"]["info"]["model_id"]
    files = f"/api/2.0/mlflow-artifacts/artifacts/{place}/models/{model}/artifacts"
    ask(f"PUT {files}/MLmodel", f"flavors: {{}}\n# {number}\n")
    ask(f"PATCH /api/2.0/mlflow/logged-models/{model}", {"model_id": model, "status": "LOGGED_MODEL_READY"})
    ask("POST /api/2.0/mlflow/registered-models/create", {"name": name})
    source = {"name": name, "source": f"models:/{model}", "model_id": model}
    ask("POST /api/2.0/mlflow/model-versions/create", source)
    return Claim(target, worlds, name, str(target.world.store.stage_version(name, 1)))


@pytest.mark.long
def test_no_statement_but_the_right_ones_promotes(
    target: Target, worlds: ModuleType, signers: None, record_property: Callable[[str, object], None]
) -> None:
    wrong = []
    for number, (what, act) in enumerate(CLAIMS.items()):
        claim = claimed(target, worlds, number)
        try:
            act(claim)
        except AimsGatesError:
            what += " (not taken in)"
        code, _ = claim.answer()
        if code != 403:
            wrong.append(f"{what}: {code}")
    record_property("statements, none of them enough", len(CLAIMS) - len(wrong))
    whole = claimed(target, worlds, len(CLAIMS))
    whole.whole()
    status, said = whole.answer()
    assert status == 200, f"what is asked for is enough: {said!r}"
    assert not wrong, f"{len(wrong)} of {len(CLAIMS)}: {wrong}"

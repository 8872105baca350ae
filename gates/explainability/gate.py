"""Can decisions be explained, to everybody, in declared words, and twice the same way?

Importances and reasons are made where the model is and handed in as tables: a gate never loads a model.
"""

from collections.abc import Iterator

from aims_gates import Case, Finding, Limit, MissingDataError, with_conventions
from aims_gates.gatekit import unweighted

from .coverage import coverage_findings, missing_reasons
from .importance import importance_findings, read_importances
from .permutation import permuted_features
from .reasons import read_reasons
from .stability import stability_findings

__all__ = ["run"]

#: Every adverse decision has a declared reason; the other two are conventions.
_CONVENTIONS = {
    "reason_coverage": Limit(">=", 1.0),
    "undeclared_reason_share": Limit("<=", 0.0),
    "reason_jaccard": Limit(">=", 0.5),
    "forbidden_importance": Limit("<=", 0.01),
}


def run(case: Case) -> Iterator[Finding]:
    """What the tables at hand allow: reasons, their stability, importances."""
    yield from unweighted(case, "decisions are counted as they stand")
    limits = with_conventions(case.params["limits"], _CONVENTIONS, _CONVENTIONS)
    confidence, top = case.number("confidence", 0.5, 0.999999), int(case.number("top", 1, 1000))
    if not {"explanations", "importances", "perturbed"} & set(case.data):
        remedy = "Give --data explanations=FILE, and --data importances=FILE or --data perturbed=FILE."
        raise MissingDataError("there are neither reasons nor importances", where=case.gate, remedy=remedy)
    if "explanations" in case.data:
        reasons = read_reasons(case, "explanations")
        yield from coverage_findings(case, reasons, limits, confidence)
        if "explanations_again" in case.data:
            again = read_reasons(case, "explanations_again")
            yield from stability_findings(reasons, again, top, limits.get("reason_jaccard"), confidence)
    elif "evaluation" in case.data and case.roles.get("prediction") and "reason_coverage" in limits:
        yield missing_reasons(limits["reason_coverage"])
    forbidden, limit = case.params["forbidden"] or (), limits.get("forbidden_importance")
    if "importances" in case.data:
        yield from importance_findings(read_importances(case.data["importances"]), forbidden, limit)
    elif "perturbed" in case.data:
        features, note = permuted_features(case, confidence)
        yield from importance_findings(features, forbidden, limit, note)

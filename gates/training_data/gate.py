"""Was the model trained on data that were accepted beforehand? Read from the acts that the ledger holds of its run."""

from collections.abc import Iterator
from dataclasses import replace

from aims_gates import Case, Finding
from aims_gates.gatekit import holds

__all__ = ["run"]

_MEASURE = "training_data_accepted"
_BEGIN = "aims_gates.training_data(SYSTEM, DATA), or aims_gates.gated_run(SYSTEM, training=DATA)"


def run(case: Case) -> Iterator[Finding]:
    """One finding for each set that was judged in the run; one that fails where there is none."""
    acts = case.acts.get("training_data", ())
    if not acts:
        note = "no training set was judged in the run that made this model"
        yield replace(holds(_MEASURE, False, note=note, remedy=f"Train anew, in a run with {_BEGIN}."), missing=True)
    for act in acts:
        data, accepted = str(act.details.get("data")), act.details.get("accepted") is True
        note = f"{act.details.get('reason') or 'accepted'}, {act.details.get('rows')} rows"
        remedy = f"Mend the set, and train anew in a run with {_BEGIN}."
        yield holds(_MEASURE, accepted, over={"data": data[:19]}, note=note, remedy=None if accepted else remedy)

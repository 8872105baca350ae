"""The other side of :mod:`aims_gates.registry.predict`: run as a script, in a process of its own.

It imports nothing of this package. It reads ``job.json`` and, for each part named there, ``PART.parquet`` in the
folder it is given, and leaves ``PART.said.parquet`` and ``report.json`` there. A part that may fail (a perturbed copy)
and does leaves nothing.
"""

import json
import sys
from pathlib import Path
from typing import Any

__all__: list[str] = []


def _columns(values: Any, rows: int) -> Any:
    """One value for each row, as a flat array."""
    import numpy as np
    import pandas as pd

    if isinstance(values, pd.DataFrame):
        if values.shape[1] != 1:
            raise SystemExit(
                f"the model returned {values.shape[1]} columns ({', '.join(map(str, values.columns))}): need one"
            )
        values = values.iloc[:, 0]
    flat = np.asarray(values)
    flat = flat.reshape(-1) if flat.ndim == 2 and flat.shape[1] == 1 else flat
    if flat.ndim != 1 or len(flat) != rows:
        raise SystemExit(
            f"the model returned an array of shape {flat.shape} for {rows} rows: need one value for each row"
        )
    return flat


def _classifier(model: Any) -> Any:
    """The scikit-learn classifier inside, where there is one with two classes and probabilities."""
    import mlflow.pyfunc

    try:
        raw = model.get_raw_model() if isinstance(model, mlflow.pyfunc.PyFuncModel) else None
    except (AttributeError, NotImplementedError):
        return None
    classes = getattr(raw, "classes_", None)
    return raw if classes is not None and len(classes) == 2 and hasattr(raw, "predict_proba") else None


def _place_of(classes: Any, positive: Any) -> int:
    if positive is None:
        return 1
    found = [index for index, each in enumerate(classes) if str(each) == str(positive)]
    if not found:
        raise SystemExit(f"the classifier knows the classes {[str(each) for each in classes]}, not {positive!r}")
    return found[0]


def main(place: Path) -> None:
    """Load the model once; predict and write every part."""
    import mlflow.pyfunc

    job = json.loads((place / "job.json").read_text(encoding="utf-8"))
    model = mlflow.pyfunc.load_model(job["model"])
    report: dict[str, Any] = {}
    for part in job["parts"]:
        try:
            report |= _predict(place, part, model, job["positive"])
        except (Exception, SystemExit) as error:
            if part not in job["may_fail"]:
                raise
            sys.stderr.write(f"{part}: {type(error).__name__}: {error}\n")
    (place / "report.json").write_text(json.dumps(report), encoding="utf-8")


def _predict(place: Path, part: str, model: Any, positive: Any) -> dict[str, Any]:
    """What the model says of one part: ``prediction``, and ``score`` where it is a classifier of two classes."""
    import numpy as np
    import pandas as pd

    frame, raw = pd.read_parquet(place / f"{part}.parquet"), _classifier(model)
    said = model.predict(frame)
    if raw is not None and np.ndim(said) == 2 and np.shape(said)[1] > 1:
        said = raw.predict(frame)  # logged with predict_proba as its prediction
    table = pd.DataFrame({"prediction": _columns(said, len(frame))})
    report: dict[str, Any] = {}
    if raw is not None:
        index = _place_of(raw.classes_, positive)
        table["score"] = np.asarray(raw.predict_proba(frame), dtype="float64")[:, index]
        report["positive"] = str(raw.classes_[index])
    table.to_parquet(place / f"{part}.said.parquet", index=False)
    return report


if __name__ == "__main__":
    main(Path(sys.argv[1]))

"""What a preview costs in a notebook: ``aims_gates.check`` of a model without any system, 10,000 rows of 20 columns.

The notebook has imported MLflow, scikit-learn and pandas, and holds the rows in a frame; what counts is the CPU of the
call, with that of the process in which the model runs, as a multiple of ``import mlflow`` in the same process.
"""

import contextlib
import io
import json
import sys
import tempfile
from pathlib import Path

from tests.bench.process import cpu, output_of

__all__ = ["costs", "lines"]

_ROWS = 10_000
_WANTED = 2.5


def _save(folder: Path) -> None:
    """A classifier in a pipeline, and its evaluation set."""
    import mlflow.sklearn
    import numpy as np
    import pandas as pd
    from mlflow.models import infer_signature
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    random = np.random.default_rng(7)
    features = pd.DataFrame({f"x{place}": random.normal(size=_ROWS) for place in range(19)})
    features["sex"] = random.integers(0, 2, _ROWS).astype(float)
    paid = (features.x0 + features.x1 + 0.3 * features.sex + random.normal(size=_ROWS) > 0).astype(int)
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(features, paid)
    mlflow.sklearn.save_model(model, folder / "model", signature=infer_signature(features, model.predict(features)))
    features.assign(paid=paid).to_parquet(folder / "evaluation.parquet")


def _measured() -> list[float]:
    """CPU seconds of ``import mlflow``, of the call in this process, and of the model's own process."""
    began = sum(cpu())
    import mlflow  # noqa: F401

    mlflow_seconds = sum(cpu()) - began
    import pandas as pd
    from sklearn import linear_model, pipeline  # noqa: F401

    frame, before = pd.read_parquet("evaluation.parquet"), cpu()
    import aims_gates

    with contextlib.redirect_stdout(io.StringIO()):
        report = aims_gates.check(model="model", data=frame, target="paid", sensitive="sex")
    spent = [after - earlier for after, earlier in zip(cpu(), before, strict=True)]
    assert report.gates
    return [mlflow_seconds, *spent]


def costs(times: int = 3) -> tuple[float, float, float]:
    """As :func:`_measured`; the cheapest of a few."""
    with tempfile.TemporaryDirectory(prefix="aims-bench-") as place:
        _save(Path(place))
        runs = [json.loads(output_of(Path(place), "-m", "tests.bench.preview")) for _ in range(times)]
    mlflow, own, model = (min(column) for column in zip(*runs, strict=True))
    return mlflow, own, model


def lines(mlflow: float, own: float, model: float) -> list[str]:
    """The row, with its two parts."""
    ratio = (own + model) / mlflow
    met = "met" if ratio <= _WANTED else "NOT met"
    return [
        f"preview of {_ROWS:,} rows x 20 columns in a notebook (import mlflow: {mlflow:.2f} CPU s)",
        f"  the model's own process {model / mlflow:6.2f} x import mlflow",
        f"  the call itself         {own / mlflow:6.2f} x",
        f"  both                    {ratio:6.2f} x (wanted <= {_WANTED}: {met})",
    ]


if __name__ == "__main__":
    if sys.argv[1:]:
        print("\n".join(lines(*costs())))
    else:
        print(json.dumps(_measured()))

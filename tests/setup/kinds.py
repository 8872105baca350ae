"""Models of the kinds that people log: classes, quantities, integers, two columns, code, an agent; small and quick."""

from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
from mlflow.models import infer_signature
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

__all__ = ["KINDS", "people", "save", "saved_from_code"]

KINDS = ("classes", "quantity", "integers", "two-columns", "unsigned", "code", "agent")

_CODE = """
import mlflow
import numpy as np
import pandas as pd

class M(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        assert not {"vote", "paid"} & set(model_input.columns), "the truth is not shown"
        score = model_input["score_a"]
        return BODY

mlflow.models.set_model(M())
"""
_VOTE = 'np.select([score < -0.5, score < 0.5], ["N", "A"], "Y")'
#: What the models from code return.
_BODIES = {
    "code": 'score.gt(0).map({True: "yes", False: "no"}).to_numpy()',
    "two-columns": f'pd.DataFrame({{"vote": {_VOTE}, "comment": "none"}})',
    "unsigned": _VOTE,
}
_AGENT = """
import mlflow
from mlflow.pyfunc import ResponsesAgent
from mlflow.types.responses import ResponsesAgentRequest, ResponsesAgentResponse

class A(ResponsesAgent):
    def predict(self, request: ResponsesAgentRequest) -> ResponsesAgentResponse:
        return ResponsesAgentResponse(output=[self.create_text_output_item(text="hello", id="1")])

mlflow.models.set_model(A())
"""


def people(seed: int, rows: int = 400) -> pd.DataFrame:
    """People with two groups, a class of three (``vote``), an answer of two (``paid``) and a quantity (``wage``)."""
    draw = np.random.default_rng(seed)
    frame = pd.DataFrame({"score_a": draw.normal(size=rows), "sex": draw.choice(["F", "M"], rows)})
    frame["years"] = draw.integers(0, 20, rows)
    noisy = frame.score_a + draw.normal(0, 0.4, rows)
    frame["vote"] = np.select([noisy < -0.5, noisy < 0.5], ["N", "A"], "Y")
    frame["wage"] = 20 + 3 * noisy + frame.years / 4
    frame["paid"] = np.where(noisy > 0, "yes", "no")
    return frame


def _fitted(estimator: object, frame: pd.DataFrame, target: str) -> object:
    columns = make_column_transformer((OneHotEncoder(), ["sex"]), remainder="drop")
    columns.transformers.append(("numbers", "passthrough", ["score_a", "years"]))
    return make_pipeline(columns, estimator).fit(frame[["score_a", "sex", "years"]], frame[target])


def saved_from_code(folder: Path, code: str) -> Path:
    """A model that MLflow runs from source."""
    source = folder.with_suffix(".py")
    source.write_text(code)
    mlflow.pyfunc.save_model(folder, python_model=str(source), pip_requirements=["mlflow"])
    return folder


def save(kind: str, folder: Path) -> tuple[Path, pd.DataFrame]:
    """The model of this kind in this folder, and the evaluation set for it."""
    train, test = people(1), people(2)
    features = train[["score_a", "sex", "years"]]
    target = {"quantity": "wage", "integers": "wage", "code": "paid"}.get(kind, "vote")
    evaluation = test[["score_a", "sex", "years", target]]
    if kind == "agent":
        return saved_from_code(folder, _AGENT), evaluation
    if kind in _BODIES:
        return saved_from_code(folder, _CODE.replace("BODY", _BODIES[kind])), evaluation
    model = _fitted(LinearRegression() if target == "wage" else LogisticRegression(), train, target)
    signature = infer_signature(features, model.predict(features))  # type: ignore[attr-defined]
    mlflow.sklearn.save_model(model, folder, signature=signature, pip_requirements=["scikit-learn"])
    if kind == "integers":
        evaluation = evaluation.assign(years=evaluation.years.where(evaluation.years > 2))
    return folder, evaluation

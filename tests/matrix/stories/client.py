"""What a data scientist does with MLflow alone: ``python client.py NAME [--again]``; says what came of it as JSON.

First a model is trained, logged and registered, and the alias asked for; again, the alias is asked for once more, and
the model is loaded by it. Reads the server's address and the user from the environment, as any MLflow client does.
"""

import json
import sys

import mlflow
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient
from sklearn.linear_model import LogisticRegression

ROWS = [[0.0, 1.0], [1.0, 0.0], [0.2, 0.9], [0.9, 0.1]]


def registered(name: str) -> str:
    """Train, log and register; gives the version."""
    major = int(mlflow.__version__.split(".")[0])
    how = {"name": "model"} if major >= 3 else {"artifact_path": "model"}
    mlflow.set_experiment(f"experiment-{name}")
    with mlflow.start_run():
        mlflow.sklearn.log_model(
            LogisticRegression().fit(ROWS, [1, 0, 1, 0]), registered_model_name=name, input_example=ROWS[:1], **how
        )
    return str(MlflowClient().search_model_versions(f"name='{name}'")[0].version)


def refusal(name: str, version: str) -> "str | None":
    """What the server says to the alias; None where it sets it."""
    try:
        MlflowClient().set_registered_model_alias(name, "production", version)
    except MlflowException as error:
        return str(error)
    return None


if __name__ == "__main__":
    model, again = sys.argv[1], sys.argv[2:] == ["--again"]
    number = "1" if again else registered(model)
    answer = {"mlflow": mlflow.__version__, "version": number, "refusal": refusal(model, number)}
    if again:
        loaded = mlflow.pyfunc.load_model(f"models:/{model}@production")
        answer["predicted"] = [int(value) for value in loaded.predict(ROWS)]
    print(json.dumps(answer))

"""What a model's file MLmodel says of it, unopened otherwise: no code of the model runs."""

# mypy: allow-untyped-calls

from dataclasses import dataclass
from pathlib import Path

from aims_gates.data import Dataset
from aims_gates.errors import DataError, InputError

__all__ = ["ModelFile", "describe", "need_table", "need_values"]

#: MLflow's types of a signature that cannot hold a missing value.
_WHOLE = ("integer", "long", "boolean")


@dataclass(frozen=True)
class ModelFile:
    """What MLmodel says.

    Attributes:
        flavors: How it was logged: ``sklearn``, ``lightgbm``, ``python_function`` ...
        task: What it is for, where that is said: ``agent/v1/responses``, ``llm/v1/chat`` ...; else empty.
        required, optional: The columns of its signature; ``required`` is None where it has none.
        whole: Those that the signature types as integer or boolean, which cannot hold a missing value.
        outputs: The columns that it returns, where the signature names them.
    """

    flavors: tuple[str, ...]
    task: str = ""
    required: tuple[str, ...] | None = None
    optional: tuple[str, ...] = ()
    whole: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()


def describe(folder: Path | str) -> ModelFile:
    """Read MLmodel in this folder, or at this address: nothing else is fetched.

    Raises:
        InputError: it is not there, or cannot be read.
    """
    from mlflow.exceptions import MlflowException
    from mlflow.models import Model

    try:
        model = Model.load(str(folder))
        inputs, outputs = model.get_input_schema(), model.get_output_schema()
    except (MlflowException, OSError, ValueError, TypeError, KeyError) as error:
        remedy = "Name the folder that holds the file MLmodel."
        raise InputError(f"not an MLflow model: {error}", where=str(folder), remedy=remedy) from error
    flavors = tuple(map(str, model.flavors))
    task = str((model.metadata or {}).get("task") or "")
    returned = tuple(map(str, outputs.input_names())) if outputs is not None and outputs.has_input_names() else ()
    if inputs is None or not inputs.has_input_names():
        return ModelFile(flavors, task, outputs=returned)
    return ModelFile(
        flavors,
        task,
        tuple(map(str, inputs.required_input_names())),
        tuple(map(str, inputs.optional_input_names())),
        tuple(str(column.name) for column in inputs.inputs if getattr(column.type, "name", "") in _WHOLE),
        returned,
    )


def need_table(model: ModelFile, where: str) -> None:
    """Refuse a model that answers conversations: a table's rows are no input to it.

    Raises:
        InputError: it is one.
    """
    kind, _, rest = model.task.partition("/")
    if kind != "agent" and not (kind == "llm" and rest.endswith("chat")):
        return
    raise InputError(
        f"the model answers conversations ({model.task}), and an evaluation table has none",
        where=where,
        remedy="Run it on your test set yourself and hand in its answers in a column named prediction: "
        "aims_gates.check(SYSTEM, data={'evaluation': FRAME}).",
    )


def need_values(model: ModelFile, data: Dataset) -> None:
    """Refuse data with missing values where the model's signature can hold none; all such columns at once.

    Raises:
        DataError: there are some.
    """
    columns = [name for name in model.whole if name in data.columns]
    if not columns:
        return
    counts = ", ".join(f"count(*) - count({Dataset.quote(name)})" for name in columns)
    row = data.query(f"SELECT {counts} FROM data")[0]
    missing = [f"{name} ({count:,})" for name, count in zip(columns, row, strict=True) if count]
    if missing:
        raise DataError(
            f"missing values in columns that the model's signature types as integer or boolean: {', '.join(missing)}",
            where=data.where,
            remedy="Log the model with such a row in its input_example, so that the signature says double; or fill "
            "these values, as in training.",
        )

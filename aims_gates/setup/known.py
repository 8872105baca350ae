"""What a start begins with: what MLflow and the data say of a model, and the column roles proposed from them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from aims_gates.data import Dataset
from aims_gates.errors import AimsGatesError, InputError
from aims_gates.mlflow_plugin.client.model_file import ModelFile, describe, need_table
from aims_gates.mlflow_plugin.client.run_facts import facts_of
from aims_gates.mlflow_plugin.client.targets import CheckTarget
from aims_gates.mlflow_plugin.store.subjects import local_folder
from aims_gates.setup.proposals import Proposal, labels_of, positive_of, sensitive_of, target_of, with_bands
from aims_gates.setup.try_model import Wishes

__all__ = ["Known", "Problems", "look"]

T = TypeVar("T")


class Problems:
    """Everything wrong with an input, told at once."""

    def __init__(self) -> None:
        self.errors: list[AimsGatesError] = []

    def attempt(self, act: Callable[[], T]) -> T | None:
        """What an act gives; None where it fails, with its error kept."""
        try:
            return act()
        except AimsGatesError as error:
            self.errors.append(error)
            return None

    def refuse(self) -> None:
        """Raise what was kept: the error alone, or all of them in one.

        Raises:
            AimsGatesError: there is one; InputError where there are several.
        """
        if len(self.errors) == 1:
            raise self.errors[0]
        if self.errors:
            raise InputError(
                "\n  x ".join([f"{len(self.errors)} problems; nothing was written", *map(str, self.errors)])
            )


@dataclass(frozen=True)
class Known:
    """What is known of a model before anybody is asked.

    Attributes:
        model: Its registered name, or the one that it is to have.
        target: Where it is, with its run.
        declared: What MLflow says of it, in lines; anybody who may write there may have said it.
        measured: What was read of its file and its data here, in lines.
        truth, positive, sensitive: Roles proposed, or named.
        labels: The target's labels; none of a quantity.
        quantities: Proposed sensitive columns that are quantities, whose groups would be bands.
        prediction: The column that is its prediction, where it returns several.
        facts: What was read here and records ask for, by the key under which they do.
    """

    model: str
    target: CheckTarget
    declared: tuple[str, ...]
    measured: tuple[str, ...]
    truth: Proposal
    positive: Proposal
    sensitive: Proposal
    labels: tuple[Any, ...]
    quantities: tuple[str, ...]
    prediction: str | None
    facts: Mapping[str, str]


def look(name: str, find: Callable[[], CheckTarget], train: str, data: str, wishes: Wishes) -> Known:
    """Read what there is to know; all problems of the input at once.

    Args:
        name: The registered model's name.
        find: Finds it.
        train: The training set: a file, folder, glob or table.
        data: The evaluation set.
        wishes: Roles that are named; the others are proposed.

    Raises:
        AimsGatesError: the model or a data set cannot be read, or a column or label that was named is not there.
    """
    problems = Problems()
    target = problems.attempt(find)
    training = problems.attempt(lambda: _opened(train, "reference"))
    evaluation = problems.attempt(lambda: _opened(data, "evaluation"))
    model = problems.attempt(lambda: _model(target)) if target is not None else None
    if evaluation is None or model is None or target is None:
        problems.refuse()
        raise AssertionError("what is not there was refused")
    facts, inputs = facts_of(target.run), None if model.required is None else (*model.required, *model.optional)
    truth = problems.attempt(lambda: target_of(evaluation, inputs, wishes.target, facts.targets, model.outputs))
    column = next(iter(truth.value), None) if truth is not None else None
    positive = problems.attempt(lambda: positive_of(evaluation, column, wishes.positive))
    sensitive = problems.attempt(lambda: sensitive_of(evaluation, column, wishes.sensitive))
    if truth is not None and column is None:
        message = f"the column of the truth is not known: {truth.why}"
        problems.errors.append(InputError(message, where=data, remedy="Name it: --target COLUMN"))
    problems.refuse()
    assert truth is not None and positive is not None and sensitive is not None and training is not None
    bands = () if sensitive.source == "named" else tuple(with_bands(evaluation, sensitive.value))
    return Known(
        name,
        target,
        tuple(_declared(target)),
        (*_of_model(model), *_of_data(training, "training"), *_of_data(evaluation, "evaluation")),
        truth,
        positive,
        sensitive,
        tuple(labels_of(evaluation, column)),
        bands,
        _prediction(model, wishes, column),
        _facts(model, training),
    )


def _opened(place: str, role: str) -> Dataset:
    data = Dataset.open(place, role=role)
    data.require()
    return data


def _model(target: CheckTarget) -> ModelFile:
    with local_folder(target.address) as folder:
        model = describe(folder)
    need_table(model, target.address)
    return model


def _prediction(model: ModelFile, wishes: Wishes, truth: str | None) -> str | None:
    """Of several columns that a model returns, the one that was named, or is called as the truth is."""
    if wishes.prediction is not None or len(model.outputs) < 2:
        return wishes.prediction
    return truth if truth in model.outputs else model.outputs[0]


def _declared(target: CheckTarget) -> list[str]:
    lines = [f"version {target.version} of {target.name}"] if target.version else []
    if target.run is not None:
        started = datetime.fromtimestamp((target.run.info.start_time or 0) / 1000, UTC)
        lines.append(
            f"run {target.run.info.run_id} of {started:%Y-%m-%d}, by {target.facts.get('run_creator', 'nobody')}"
        )
        params = [f"{key}={value}" for key, value in sorted(target.run.data.params.items())]
        lines += [f"parameters: {', '.join(params[:12])}{' ...' if len(params) > 12 else ''}"] if params else []
    return lines


def _of_model(model: ModelFile) -> list[str]:
    flavors = _flavors(model) or ["python_function"]
    columns = "no signature" if model.required is None else f"{len(model.required) + len(model.optional)} input columns"
    return [f"model: {', '.join(flavors)}, {columns}"]


def _flavors(model: ModelFile) -> list[str]:
    return [flavor for flavor in model.flavors if flavor != "python_function"]


def _of_data(data: Dataset, what: str) -> list[str]:
    period = _period(data)
    times = f", {period[0]} from {period[1]} to {period[2]}" if period else ""
    return [f"{what}: {data.rows:,} rows, {len(data.columns)} columns{times}"]


def _period(data: Dataset) -> tuple[str, str, str] | None:
    """The first column of times, with its first and last day."""
    name = next((name for name in data.columns if data.kind(name) == "datetime"), None)
    if name is None:
        return None
    column = Dataset.quote(name)
    first, last = data.query(f"SELECT min({column})::DATE, max({column})::DATE FROM data")[0]
    return None if first is None else (name, str(first), str(last))


def _facts(model: ModelFile, training: Dataset) -> dict[str, str]:
    flavors, period = _flavors(model), _period(training)
    framework = {"system.framework": flavors[0]} if len(flavors) == 1 else {}
    return framework | ({"system.data_period": f"{period[1]} to {period[2]}"} if period else {})

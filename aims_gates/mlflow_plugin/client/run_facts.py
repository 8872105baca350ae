"""What a run recorded of its data: where they lie, and which column is the label."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from mlflow.entities import Run

__all__ = ["RunFacts", "facts_of"]

#: Parameters in which MLflow's autologging and usual scripts name the label's column.
_LABELS = ("labelCol", "label_col", "target", "target_column", "label", "label_column")
_EVALUATION = ("eval", "test", "valid", "holdout")
_TRAINING = ("train",)
_CONTEXT = "mlflow.data.context"


@dataclass(frozen=True)
class RunFacts:
    """What a run says.

    Attributes:
        evaluation, training: Files or folders on this machine that it read in these contexts; None where none is named.
        targets: Names of the label's column, as its parameters give them.
    """

    evaluation: str | None = None
    training: str | None = None
    targets: tuple[str, ...] = ()


def facts_of(run: Run | None) -> RunFacts:
    """The facts of a run; nothing where there is no run, or it recorded none."""
    if run is None:
        return RunFacts()
    named = tuple(run.data.params[name] for name in _LABELS if run.data.params.get(name))
    return RunFacts(_source(run, _EVALUATION), _source(run, _TRAINING), named)


def _source(run: Run, contexts: Iterable[str]) -> str | None:
    """The file of the first data set that the run read in such a context, where it is on this machine."""
    inputs = run.inputs.dataset_inputs if run.inputs else []
    for item in inputs:
        context = next((tag.value for tag in item.tags if tag.key == _CONTEXT), "").lower()
        path = _path(item.dataset.source)
        if path is not None and any(word in context for word in contexts):
            return path
    return None


def _path(source: str) -> str | None:
    """The local file in MLflow's description of a source, which is JSON with ``uri``, ``url`` or ``path``."""
    try:
        value = json.loads(source)
    except ValueError:
        return None
    if not isinstance(value, dict):
        return None
    address = next((value[key] for key in ("uri", "url", "path") if isinstance(value.get(key), str)), "")
    parts = urlsplit(address)
    place = unquote(parts.path) if parts.scheme == "file" else address
    return place if place and Path(place).exists() else None

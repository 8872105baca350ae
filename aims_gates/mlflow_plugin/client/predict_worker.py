"""The other side of :mod:`aims_gates.mlflow_plugin.client.predict`: run as a script, in a process of its own.

    python -I -B worker.py FOLDER ANSWER

It imports nothing of this package. It reads ``job.json`` and, for each part named there, ``PART.parquet`` in FOLDER,
which it cannot or need not write, and sends everything that the model says through the descriptor ANSWER, in the form
of :mod:`aims_gates.mlflow_plugin.client.answers`. A part that may fail (a perturbed copy) and does is not in the
answer.
"""

import gc
import json
import os
import runpy
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

__all__: list[str] = []


def _columns(values: Any, rows: int, prediction: Sequence[str] = ()) -> Any:
    """One value for each row, as a flat array; of several columns the first that ``prediction`` names."""
    import numpy as np
    import pandas as pd

    if isinstance(values, pd.DataFrame):
        values = values.iloc[:, _place_in([str(name) for name in values.columns], prediction)]
    flat = np.asarray(values)
    flat = flat.reshape(-1) if flat.ndim == 2 and flat.shape[1] == 1 else flat
    if flat.ndim != 1 or len(flat) != rows:
        raise SystemExit(
            f"the model returned an array of shape {flat.shape} for {rows} rows: need one value for each row"
        )
    return flat


def _place_in(names: list[str], prediction: Sequence[str]) -> int:
    """Which of the columns that a model returned is its prediction."""
    if len(names) == 1:
        return 0
    places = [names.index(name) for name in prediction if names.count(name) == 1]
    if not places:
        raise SystemExit(
            f"the model returned {len(names)} columns ({', '.join(names)}), and none of them is named as its prediction"
        )
    return places[0]


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
    indexes = [index for index, label in enumerate(classes) if str(label) == str(positive)]
    if not indexes:
        raise SystemExit(
            f"the classifier knows the classes {[str(class_name) for class_name in classes]}, not {positive!r}"
        )
    return indexes[0]


def _buffers(name: str, values: Any) -> tuple[list[Any], list[bytes]]:
    """A column's name, type and buffer lengths, and the buffers themselves."""
    import pandas as pd
    import pyarrow as pa

    array = pa.array(pd.Series(values), from_pandas=True)
    array = array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array
    kind = array.type
    if pa.types.is_dictionary(kind):
        array, kind = array.dictionary_decode(), kind.value_type
    if pa.types.is_null(kind) or pa.types.is_decimal(kind):
        array = array.cast(pa.float64())
    elif pa.types.is_string(kind):
        array = array.cast(pa.large_string())
    elif pa.types.is_timestamp(kind):
        array = array.cast(pa.timestamp(kind.unit))
    spelled = {
        "bool": "bool_",
        "halffloat": "float16",
        "float": "float32",
        "double": "float64",
        "date32[day]": "date32",
    }
    text = str(array.type)
    text = spelled.get(text, text).replace("[day]", "").replace("[", "_").replace("]", "")
    buffers = [None if buffer is None else buffer.to_pybytes() for buffer in array.buffers()]
    # A column without rows may have no buffers at all.
    buffers = buffers[:1] + [buffer or b"" for buffer in buffers[1:]]
    return [name, text, [None if buffer is None else len(buffer) for buffer in buffers]], [b for b in buffers if b]


def _predict(file: Any, model: Any, job: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the model says of a file of rows: ``prediction``, and ``score`` where it is a classifier of two classes."""
    import numpy as np
    import pandas as pd

    frame, raw = pd.read_parquet(file), _classifier(model)
    predictions = model.predict(frame)
    if raw is not None and np.ndim(predictions) == 2 and np.shape(predictions)[1] > 1:
        predictions = raw.predict(frame)  # logged with predict_proba as its prediction
    columns = {"prediction": _columns(predictions, len(frame), job["prediction"])}
    if raw is None:
        return columns, {}
    index = _place_of(raw.classes_, job["positive"])
    columns["score"] = np.asarray(raw.predict_proba(frame), dtype="float64")[:, index]
    return columns, {"positive": str(raw.classes_[index])}


def _import_mlflow(place: Path, model: Path) -> None:
    """Import MLflow without what this model does not ask for.

    skops looks through every module that there is for each of 800 names, so it is imported before MLflow's thousands.
    """
    description = (model / "MLmodel").read_text(encoding="utf-8", errors="replace").lower()
    if "spark" in description:
        return
    light: dict[str, Any] = runpy.run_path(str(place / "light_import.py"))
    with light["lighter"](), suppress(ImportError):
        if "serialization_format: skops" in description:
            import skops.io  # noqa: F401
        import mlflow.pyfunc  # noqa: F401


def main(place: Path, answer: int) -> None:
    """Load the model once; predict every part, then send all of it."""
    gc.disable()  # between imports it finds next to none, and takes a tenth of their time
    job = json.loads((place / "job.json").read_text(encoding="utf-8"))
    _import_mlflow(place, Path(job["model"]))
    import mlflow.pyfunc

    # To compare all installed packages with those the model asks for takes half a second: whoever looks for the cause
    # of a failure loads it by hand.
    model = mlflow.pyfunc.load_model(job["model"], suppress_warnings=True)
    gc.enable()
    report: dict[str, Any] = {}
    parts: dict[str, Any] = {}
    blocks: list[bytes] = []
    for part in job["parts"]:
        try:
            columns, known = _predict(place / f"{part}.parquet", model, job)
            encoded = [_buffers(name, values) for name, values in columns.items()]
        except (Exception, SystemExit) as error:
            if part not in job["may_fail"]:
                raise
            sys.stderr.write(f"{part}: {type(error).__name__}: {error}\n")
            continue
        report |= known
        parts[part] = [column for column, _ in encoded]
        blocks += [block for _, buffers in encoded for block in buffers]
    header = json.dumps({"report": report, "parts": parts}).encode()
    with os.fdopen(answer, "wb") as pipe:
        pipe.writelines((len(header).to_bytes(8, "little"), header, *blocks))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
    # All is sent. An interpreter that ends while threads of a model's libraries still live may abort instead.
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(0)

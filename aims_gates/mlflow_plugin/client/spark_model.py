"""The model as Spark's Python workers have it: MLflow loads this file there, as the loader module of a model around it.

It imports nothing of this package, which need not be installed where the workers are. Beside it stand ``job.json``, an
empty ``features.parquet`` with the columns' types, :mod:`aims_gates.mlflow_plugin.client.predict_worker`, which asks
the model as it does on one machine, and the model.
"""

import hashlib
import io
import json
import runpy
import sys
from pathlib import Path
from typing import Any

__all__: list[str] = []


def _check_bytes(folder: Path, files: list[list[Any]]) -> None:
    """Refuse a model that is not the files that were hashed where this was made."""
    here = []
    for path in sorted(path for path in folder.rglob("*") if not path.is_dir()):
        with path.open("rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
        here.append([path.relative_to(folder).as_posix(), path.stat().st_size, content])
    if sorted(here) != files:
        raise RuntimeError("the model's bytes here are not those that were to be run")


class _Asked:
    """What MLflow asks, some rows at a time."""

    def __init__(self, place: Path) -> None:
        import mlflow.pyfunc
        import pyarrow.parquet as pq

        self.job: dict[str, Any] = json.loads((place / "job.json").read_text(encoding="utf-8"))
        _check_bytes(place / "model", self.job["files"])
        self.schema = pq.read_schema(place / "features.parquet")
        self.worker = runpy.run_path(str(place / "worker.py"))
        # Whoever looks at the model's folder next must find it as it was, and Python's caches are files too.
        sys.dont_write_bytecode = True
        self.model = mlflow.pyfunc.load_model(str(place / "model"), suppress_warnings=True)

    def predict(self, frame: Any, params: Any = None) -> Any:
        """``prediction``, and maybe ``score``, for each row.

        The rows go through Parquet, so that the model meets the types of pandas that it meets on one machine.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        file = io.BytesIO()
        pq.write_table(pa.Table.from_pandas(frame, schema=self.schema, preserve_index=False), file)
        file.seek(0)
        try:
            columns, _ = self.worker["_predict"](file, self.model, self.job)
        except SystemExit as error:  # it would end Spark's worker without a word
            raise RuntimeError(str(error)) from None
        return self._typed(columns)

    def _typed(self, columns: dict[str, Any]) -> Any:
        import numpy as np
        import pandas as pd
        import pyarrow as pa

        if set(columns) != set(self.job["types"]):
            raise RuntimeError(f"the model gave {', '.join(columns)} here and {', '.join(self.job['types'])} before")
        table = {}
        for name, kind in self.job["types"].items():
            array = pa.array(pd.Series(columns[name]), from_pandas=True)
            array = array.dictionary_decode() if pa.types.is_dictionary(array.type) else array
            array = array.cast(getattr(pa, kind)())
            if array.null_count and not kind.startswith("float"):
                raise RuntimeError("the model gave no value for some rows, which spark_udf holds of numbers alone")
            table[name] = array.to_pandas()
        if "score" in table and not np.isfinite(table["score"]).all():
            raise RuntimeError("the model gave scores that are no numbers")
        return pd.DataFrame(table)


def _load_pyfunc(path: str) -> _Asked:
    """What MLflow calls."""
    return _Asked(Path(path))

"""Predictions that were signed before, used in place of running the model once more.

What a model answered is kept as the bytes that its process sent: no features, no labels. It is used again where a
statement in the ledger, by somebody who may sign predictions and can be relied on today, says that this model gave, on
this evaluation set, a table of a digest; and where that statement names the same :func:`made_with`. The table is made
anew of the evaluation set and the answer, and its bytes must have the digest that was signed. So whatever was altered
or forged, in the folder or in the ledger, has the model run again.
"""

# mypy: allow-untyped-calls

import json
import os
import platform
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import aims_gates
from aims_gates.attestation.statements.evidence import Predictions
from aims_gates.attestation.trust_list import Row
from aims_gates.decision.evidence import EvidenceView
from aims_gates.documents.canonical import digest, digest_file
from aims_gates.documents.files import write_whole
from aims_gates.errors import AimsGatesError, InputError
from aims_gates.evaluation.on_record import OnRecord
from aims_gates.mlflow_plugin.client import answers, light_import, model_process, predict, predict_worker
from aims_gates.mlflow_plugin.client.isolation import Isolation, kind_of, weaker
from aims_gates.mlflow_plugin.client.predict import PredictionTable, rebuilt
from aims_gates.model import Evidence, Plan, Step

__all__ = ["CACHE", "FACT", "counting", "environment", "has_answers", "keep", "made_with", "signed_before"]

#: Names the folder in which answers are kept; ``off`` keeps and uses none.
CACHE = "AIMS_GATES_CACHE"
#: The fact of a statement about predictions that holds :func:`made_with`.
FACT = "made_with"
_CODE = (answers, light_import, model_process, predict, predict_worker)
_LONGEST = timedelta(days=30)
_MOST_ANSWERS = 64
_OWN = "aims_gates-"


def made_with(positive: Any, prediction: tuple[str, ...], schema: Mapping[str, Any] | None = None) -> str:
    """A digest of all that decides what a model says, besides its bytes and the rows; empty where it cannot be told.

    That is: our own code, the interpreter, every installed package with its version, what is asked, and the schema by
    which the rows are read. A package that is installed in place (``pip install -e``) can change without its version:
    then nothing is told.
    """
    packages = _packages()
    if packages is None:
        return ""
    question: dict[str, Any] = {"positive": None if positive is None else str(positive), "prediction": list(prediction)}
    question |= {} if schema is None else {"schema": schema}
    code = [digest_file(Path(str(module.__file__))) for module in _CODE]
    return digest({"asked": question, "code": code, "packages": packages, "python": [sys.version, platform.platform()]})


def environment() -> str:
    """A digest of all our code, the interpreter and every installed package; empty where it cannot be told."""
    packages = _packages()
    if packages is None:
        return ""
    root = Path(str(aims_gates.__file__)).parent
    code = {path.relative_to(root).as_posix(): digest_file(path) for path in root.rglob("*.py")}
    return digest({"code": code, "packages": packages, "python": [sys.version, platform.platform()]})


def counting(view: EvidenceView, plan: Plan, subject: str, now: datetime) -> OnRecord | None:
    """Looks up the evidence about these bytes that counts today; None where all is to be computed.

    Args:
        view: The ledger's rows that bear on these bytes.
        plan: What is due.
        subject: Digest of the model's folder.
        now: The time.
    """
    if os.environ.get(CACHE, "") == "off":
        return None

    def on_record(step: Step) -> Evidence | None:
        counted = view.count(plan, step, subject, now)
        return counted.evidence if counted.standing == "counts" else None

    return on_record


def _packages() -> list[list[str]] | None:
    """Every installed package and where it came from; None where one may change without its version."""
    packages: list[list[str]] = []
    for place in _installed():
        source = place / "direct_url.json"
        direct = source.read_text(encoding="utf-8") if source.is_file() else ""
        if _in_place(direct) and not place.name.startswith(_OWN):
            return None
        packages.append([place.name, "" if place.name.startswith(_OWN) else direct])
    return packages


def _installed() -> list[Path]:
    places = {path for entry in sys.path if entry for path in Path(entry).glob("*.*-info")}
    return sorted(places, key=lambda path: path.name)


def _in_place(direct: str) -> bool:
    """Whether ``direct_url.json`` says so; what cannot be read might."""
    if not direct:
        return False
    try:
        return bool(json.loads(direct).get("dir_info", {}).get("editable", False))
    except (ValueError, AttributeError):
        return True


def keep(table: PredictionTable) -> None:
    """Keep what the model answered, for as long as there are not many newer answers. What cannot be kept is not."""
    folder = _folder()
    if folder is None or not table.answer or table.tables:
        return
    with suppress(OSError, InputError):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_whole(_place(folder, table.output), table.answer, mode=0o600)
        for old in sorted(folder.glob("*.answer"), key=lambda path: -path.stat().st_mtime)[_MOST_ANSWERS:]:
            old.unlink(missing_ok=True)


def has_answers() -> bool:
    """Whether any answer is kept here."""
    folder = _folder()
    return folder is not None and folder.is_dir()


def signed_before(
    view: EvidenceView, subject: str, evaluation: Path | str, out: Path, key: str, now: datetime, isolation: Isolation
) -> tuple[PredictionTable, Row] | None:
    """The table of predictions that were signed before, and the statement's row; None where the model must run.

    Args:
        view: The ledger's rows that bear on these bytes.
        subject: Digest of the model's folder.
        evaluation: The evaluation set.
        out: Where the table is written.
        key: What it must have been made with; empty: nothing is used again.
        now: The time.
        isolation: How the model would be kept apart now, which the statement must come up to.
    """
    folder = _folder()
    if folder is None or not key:
        return None
    for row, predictions in _candidates(view, subject, key, now):
        place = _place(folder, predictions.output)
        if weaker(predictions.isolation, isolation.kind) or not place.is_file():
            continue
        apart = Isolation(kind_of(predictions.isolation), predictions.verified)
        with suppress(AimsGatesError, OSError):
            table = rebuilt(subject, evaluation, out, place.read_bytes(), apart)
            if (table.output, table.data, table.rows) == (predictions.output, predictions.data, predictions.rows):
                return table, row
    return None


def _candidates(view: EvidenceView, subject: str, key: str, now: datetime) -> Iterator[tuple[Row, Predictions]]:
    """What can be relied on today, the latest first."""
    for row in reversed(view.predictions(subject)):
        predictions: Predictions = row.predicate
        if predictions.facts.get(FACT) == key and not predictions.tables and timedelta(0) <= now - row.at <= _LONGEST:
            yield row, predictions


def _folder() -> Path | None:
    folder = os.environ.get(CACHE, "")
    if folder == "off":
        return None
    home = os.environ.get("XDG_CACHE_HOME", "")
    return Path(folder) if folder else (Path(home) if home else Path.home() / ".cache") / "aims-gates" / "answers"


def _place(folder: Path, output: str) -> Path:
    return folder / f"{output.rpartition(':')[2]}.answer"

"""What a check leaves on the MLflow run and version: for people to see, never as proof."""

# mypy: allow-untyped-calls

import json
import re
import tempfile
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType

import mlflow
from mlflow.entities import Dataset as MlflowDataset
from mlflow.entities import DatasetInput, InputTag, Metric
from mlflow.utils.time import get_current_time_millis

from aims_gates.attestation.signing.envelope import Envelope
from aims_gates.data import Dataset
from aims_gates.documents.canonical import digest
from aims_gates.documents.shell import invocation
from aims_gates.mlflow_plugin.client.targets import CheckTarget
from aims_gates.model import Evidence, Finding
from aims_gates.reports import Report, render
from aims_gates.reports.card import card_html, measured, without_front_matter
from aims_gates.reports.view import blocking, verdict

__all__ = ["log_check"]

#: At most so many findings of a check become metrics; all of them stand in the evidence.
MOST_METRICS = 50
FOLDER = "aims_gates"
#: No slash: MLflow takes a metric's name for a path and refuses some.
_STRANGE = re.compile(r"[^A-Za-z0-9_\-. ]")
#: What the registry's table holds of a version's description.
_DESCRIPTION = 5_000
_OURS = f"{FOLDER}.description"
#: Unmet controls that a description names.
_NAMED = 8
_PLAIN = str.maketrans({"\\": "\\\\", "<": "&lt;", "`": "\\`", "*": "\\*", "_": "\\_", "[": "\\["})


def _name(evidence: Evidence, finding: Finding) -> str:
    about = {**finding.by, **(finding.over or {})}
    parts = [FOLDER, evidence.gate, finding.measure, *(f"{key}-{value}" for key, value in about.items())]
    return _STRANGE.sub("_", ".".join(parts))[:250]


def _metrics(evidences: Iterable[Evidence]) -> list[Metric]:
    judged = [
        (_name(evidence, finding), finding.value)
        for evidence in evidences
        for finding in measured({evidence.gate: evidence.findings}).get(evidence.gate, ())
        if finding.outcome is not None and finding.value is not None
    ]
    now = get_current_time_millis()
    return [Metric(name, value, now, 0) for name, value in list(dict(judged).items())[:MOST_METRICS]]


def _inputs(datasets: Mapping[str, Dataset], places: Mapping[str, str]) -> list[DatasetInput]:
    """Data sets as run inputs; the whole digest stands in a tag, since MLflow's own field is short."""
    return [
        DatasetInput(
            MlflowDataset(
                role, dataset.digest.removeprefix("sha256:")[:36], "local", json.dumps({"uri": places.get(role, role)})
            ),
            [InputTag("mlflow.data.context", role), InputTag("aims_gates.digest", dataset.digest)],
        )
        for role, dataset in sorted(datasets.items())
    ]


def _write(
    folder: Path, report: Report, envelopes: Mapping[str, Envelope], card: str | None, attached: Mapping[str, bytes]
) -> None:
    (folder / "report.html").write_text(render("html", report), encoding="utf-8")
    (folder / "report.json").write_text(render("json", report), encoding="utf-8")
    if card is not None:
        (folder / "model_card.md").write_text(card, encoding="utf-8")
        (folder / "model_card.html").write_text(card_html(card), encoding="utf-8")
    for name, content in attached.items():
        (folder / _STRANGE.sub("_", name)).write_bytes(content)
    (folder / "evidence").mkdir()
    for gate, envelope in envelopes.items():
        (folder / "evidence" / f"{gate}.dsse.json").write_text(
            json.dumps(envelope.to_json(), indent=1), encoding="utf-8"
        )


def log_check(
    target: CheckTarget,
    report: Report,
    evidences: Iterable[Evidence],
    envelopes: Mapping[str, Envelope],
    datasets: Mapping[str, Dataset],
    card: str | None,
    attached: Mapping[str, bytes] = MappingProxyType({}),
    places: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Log metrics (at most 50), data sets, evidence, report and model card; set display tags.

    Args:
        target: What was checked; without a run only the version's tags are set.
        report: Rendered as HTML and JSON.
        evidences: The evidence, for metrics.
        envelopes: Signed evidence by gate.
        datasets: Data sets by role.
        card: The model card, in Markdown.
        attached: Files that gates left, by name.
        places: Where the data sets are, from the pack's root, by role.
    """
    client = mlflow.MlflowClient()
    state = "unknown" if report.decision is None else ("met" if report.decision.criteria_met else "unmet")
    if target.run is not None:
        run_id = target.run.info.run_id
        client.log_batch(run_id, metrics=_metrics(evidences))
        client.log_inputs(run_id, datasets=_inputs(datasets, places))
        client.set_tag(run_id, f"{FOLDER}.criteria", state)
        with tempfile.TemporaryDirectory() as place:
            _write(Path(place), report, envelopes, card, attached)
            client.log_artifacts(run_id, place, FOLDER)
    if target.name and target.version:
        client.set_model_version_tag(target.name, target.version, f"{FOLDER}.criteria", state)
        if card is not None:
            _describe(client, target.name, target.version, f"{_notice(target, report)}{without_front_matter(card)}")
        if card is not None and target.run is not None:
            place = f"runs:/{target.run.info.run_id}/{FOLDER}/model_card.md"
            client.set_model_version_tag(target.name, target.version, f"{FOLDER}.model_card", place)


def _notice(target: CheckTarget, report: Report) -> str:
    """What MLflow's page of the version shows first: the verdict of this check, why, and where to go on."""
    word, _, explanation = verdict(report)
    unmet = "" if report.decision is None else ", ".join(state.control for state in blocking(report.decision)[:_NAMED])
    when = datetime.now(UTC).strftime("%Y-%m-%d %H:%M")
    lines = [f"**{word}** as of {when} UTC, by a check: {' '.join(explanation.split()).translate(_PLAIN)}."]
    if unmet and word == "REFUSED":
        lines.append(f"What your profile requires and is unmet: {unmet}.")
    command = invocation("explain", str(target.name), str(target.version))
    where = f"the report is with the run, as `{FOLDER}/report.html`; " if target.run is not None else ""
    lines.append(f"What to do next: {where}`{command}`. Today's verdict is the registry's, not this text's.")
    return "\n\n".join(lines) + "\n\n"


def _describe(client: mlflow.MlflowClient, name: str, version: str, text: str) -> None:
    """The text as the version's description, unless a person wrote one; MLflow's page renders it as Markdown."""
    model_version = client.get_model_version(name, version)
    if model_version.description and model_version.tags.get(_OURS) != digest(model_version.description):
        return
    if len(text) > _DESCRIPTION:
        text = f"{text[: _DESCRIPTION - 60]}\n\n(cut here; the whole card is with the run)"
    client.update_model_version(name, version, text)
    client.set_model_version_tag(name, version, _OURS, digest(text))

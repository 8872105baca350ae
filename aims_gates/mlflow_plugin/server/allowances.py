"""How much a request may bring, by route, and how long it may work: one list, with a reason for each exception.

A JSON route takes 1 MiB (``AIMS_GATES_MAX_BODY``). What MLflow's own client sends legally and is larger stands here.
A character may take twelve bytes in JSON (an emoji is two escapes of six), and sizes count that.
"""

import os
import re
from dataclasses import dataclass
from typing import Literal

from aims_gates.mlflow_plugin.internals.environment import STATIC_PREFIX_ENV_VAR
from aims_gates.mlflow_plugin.server.configuration import Configuration

__all__ = ["ALLOWANCES", "MAX_VALUES", "Allowance", "allowance"]

#: Values of a JSON body: MLflow's largest legal batch has 1,000 entities of nine fields.
MAX_VALUES = 50_000
_MIB = 1024 * 1024
_API = r"/(?:ajax-)?api/[23]\.0/(?:preview/)?mlflow"
Kind = Literal["json", "otlp", "bytes", "stream"]


@dataclass(frozen=True)
class Allowance:
    """What one route may be sent.

    Attributes:
        path: A pattern of the whole path, MLflow's static prefix taken away.
        why: The reason for what differs from the usual.
        size: Bytes of a body, unpacked; None for the usual.
        kind: How it is read: as JSON, as OpenTelemetry's protobuf or JSON, as bytes, or piece by piece as they come.
        method: The method, where the path alone does not say; empty for all.
        long: Whether the work is proportional to the size of a model, which may take an hour, or is a file on its way.
    """

    path: str
    why: str
    size: int | None = None
    kind: Kind = "json"
    method: str = ""
    long: bool = False


#: The first that fits counts. docs/server-setup.md shows the list.
ALLOWANCES: tuple[Allowance, ...] = (
    # Without a prefix: only this spelling is MLflow's own streaming route, all others would be kept in memory whole.
    Allowance(
        r"/(?:ajax-)?api/2\.0/mlflow-artifacts/artifacts/.+",
        "an artifact, which streams to its place; AIMS_GATES_MAX_ARTIFACT is its limit",
        kind="stream",
        method="PUT",
        long=True,
    ),
    Allowance(
        r"/(?:ajax-)?api/2\.0/mlflow-artifacts/artifacts/.+",
        "an artifact is read",
        kind="stream",
        method="GET",
        long=True,
    ),
    Allowance(
        rf"{_API}/runs/log-batch",
        "1,000 metrics, or 100 parameters of 6,000 and 100 tags of 8,000 characters with 800 metrics",
        size=24 * _MIB,
    ),
    Allowance(
        rf"{_API}/runs/log-inputs",
        "a data set's profile of 16 MiB and schema of 1 MiB, quotation marks escaped",
        size=32 * _MIB,
    ),
    Allowance(rf"{_API}/datasets/[^/]+/records", "evaluation records, which the client sends at once", size=32 * _MIB),
    Allowance(
        rf"{_API}/(?:runs/log-model|logged-models(?:/[^/]+(?:/params|/tags)?)?)",
        "a signature of 10,000 columns, or 100 parameters of 6,000 characters",
        size=8 * _MIB,
    ),
    Allowance(
        rf"{_API}/model-versions/(?:create|transition-stage|delete)",
        "tags of 100,000 characters, a prompt's text among them; a model's files are hashed",
        size=4 * _MIB,
        long=True,
    ),
    Allowance(
        rf"{_API}/(?:registered-models|model-versions)/(?:create|update|set-tag)",
        "tags of 100,000 characters",
        size=4 * _MIB,
    ),
    Allowance(rf"{_API}/registered-models/alias", "a model's files are hashed", long=True),
    Allowance(r"/api/2\.0/aims/.*", "a signed statement of 1 MiB in base64; files are hashed", 2 * _MIB, long=True),
    Allowance(r"/aims/.*", "a page of very many models or controls", long=True),
    Allowance(r"/v1/traces", "spans with the documents and pictures that a model was shown", 32 * _MIB, kind="otlp"),
    Allowance(
        r"/(?:ajax-)?api/2\.0/mlflow-artifacts/mpu/(?:create|complete|abort).*",
        "10,000 parts of an upload, with the address of each",
        size=16 * _MIB,
    ),
    Allowance(
        r"/ajax-api/2\.0/mlflow/upload-artifact", "a picture or table of 10 MiB", 10 * _MIB, kind="bytes", long=True
    ),
    Allowance(rf"(?:/model-versions)?/get-artifact|{_API}/(?:.*/)?(?:get-trace-artifact|artifacts/files)",
              "an artifact is read", long=True),
)  # fmt: skip
_USUAL = Allowance(".*", "the usual")
_PATTERNS = tuple((re.compile(entry.path), entry) for entry in ALLOWANCES)


def allowance(method: str, path: str, configuration: Configuration) -> tuple[Allowance, int]:
    """The entry for a request, and the largest number of bytes that its body may have."""
    prefix = os.environ.get(STATIC_PREFIX_ENV_VAR, "").rstrip("/")
    plain = path.removeprefix(prefix) if prefix and path.startswith(f"{prefix}/") else path
    usual = configuration.max_body
    for pattern, entry in _PATTERNS:
        tried = path if entry.kind == "stream" else plain
        if entry.method in ("", method) and pattern.fullmatch(tried):
            return entry, configuration.max_artifact if entry.kind == "stream" else max(entry.size or 0, usual)
    return _USUAL, usual

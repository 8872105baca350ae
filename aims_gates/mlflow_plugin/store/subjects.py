"""From a model version, a run or a logged model to the bytes that evidence is about.

Local bytes are read in place, never copied: the digest is taken of what is there. Bytes elsewhere
are downloaded into a temporary folder that ends with the ``with`` block.
"""

# mypy: allow-untyped-calls

import re
import tempfile
import urllib.parse
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import mlflow
from mlflow.exceptions import MlflowException
from mlflow.store.artifact.runs_artifact_repo import RunsArtifactRepository

from aims_gates.documents.canonical import digest, digest_file, folder_digest, is_digest
from aims_gates.errors import InputError
from aims_gates.mlflow_plugin.internals.store import parse_model_uri
from aims_gates.mlflow_plugin.store.locations import check_allowed, check_readable, local_path, proxied_path
from aims_gates.model import Subject

__all__ = [
    "local_folder",
    "model_subject",
    "no_check_of_prompts",
    "prompt_subject",
    "rules_subject",
    "service_subject",
    "underlying_address",
]

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
#: models:/name/version may point at another version, and so on; MLflow's own chains are short.
_LONGEST_CHAIN = 16

VersionAddress = Callable[[str, str], str]


def _from_registry(name: str, version: str) -> str:
    return str(mlflow.MlflowClient().get_model_version_download_uri(name, version))


def _of_run(address: str) -> str:
    """A run's artifact folder; in MLflow 3 the model of that name may stand beside the run instead."""
    run_id, path = RunsArtifactRepository.parse_runs_uri(address)
    underlying = str(RunsArtifactRepository.get_underlying_uri(address))
    folder = local_path(underlying) or proxied_path(underlying)
    if path is None or (folder is not None and folder.exists()):
        return underlying
    run = mlflow.MlflowClient().get_run(run_id)
    search_logged_models = mlflow.MlflowClient().search_logged_models(
        experiment_ids=[run.info.experiment_id], filter_string=f"source_run_id='{run_id}' AND name='{path}'"
    )
    return str(search_logged_models[0].artifact_location) if len(search_logged_models) == 1 else underlying


def underlying_address(address: str, version_address: VersionAddress = _from_registry) -> str:
    """Follow ``models:`` and ``runs:`` addresses to where the bytes are.

    Args:
        address: A version's source or storage location, a run's or logged model's address.
        version_address: Where a registered version's bytes are; asks the registry in use unless given.

    Raises:
        InputError: an alias or stage (which may move), a chain without an end, or an unknown id.
    """
    for _ in range(_LONGEST_CHAIN):
        scheme = urllib.parse.urlparse(address).scheme
        try:
            if scheme == "runs":
                address = _of_run(address)
            elif scheme == "models":
                parsed = parse_model_uri(address)
                if parsed.model_id is not None:
                    address = str(mlflow.MlflowClient().get_logged_model(parsed.model_id).artifact_location)
                elif parsed.name is not None and parsed.version is not None:
                    address = version_address(parsed.name, parsed.version)
                else:
                    raise InputError(
                        "an alias or stage is no fixed address: it may move", where=address, remedy="Name the version."
                    )
            else:
                return address
        except MlflowException as error:
            raise InputError(f"cannot be resolved: {error.message}", where=address, remedy="Check the id.") from error
    raise InputError("the address leads to itself", where=address, remedy="Register the model from its artifacts.")


@contextmanager
def local_folder(address: str, version_address: VersionAddress = _from_registry) -> Iterator[Path]:
    """A local folder with the bytes at an address: in place where they are local, else downloaded.

    Raises:
        InputError: the address cannot be resolved, is refused, or its bytes cannot be read.
    """
    underlying = underlying_address(address, version_address)
    folder = proxied_path(underlying) or local_path(underlying)
    if folder is not None:
        check_allowed(folder, address)
        yield folder
        return
    check_readable(underlying, address)
    with tempfile.TemporaryDirectory(prefix="aims-") as place:
        try:
            download_artifacts = mlflow.artifacts.download_artifacts(artifact_uri=underlying, dst_path=place)
        except (MlflowException, OSError) as error:
            raise InputError(
                f"the artifacts cannot be read: {error}", where=underlying, remedy="Check the address and your access."
            ) from error
        yield Path(download_artifacts)


def model_subject(address: str, name: str = "", version_address: VersionAddress = _from_registry) -> Subject:
    """The subject of a model folder, at a path or any address MLflow knows.

    Raises:
        InputError: see :func:`local_folder`.
        IntegrityError: the folder is missing or empty, or holds a link.
    """
    with local_folder(address, version_address) as folder:
        return Subject("model", folder_digest(folder), name or address)


def rules_subject(path: Path, name: str = "") -> Subject:
    """The subject of a rule set: the bytes of its file.

    Raises:
        InputError: there is no such file.
    """
    if not path.is_file():
        raise InputError("no such file", where=str(path), remedy="Name the file that holds the rules.")
    return Subject("rules", digest_file(path), name or path.name)


def prompt_subject(template: Any, config: Mapping[str, Any] | None = None, name: str = "") -> Subject:
    """The subject of a prompt version: its template (text or chat messages) and configuration.

    Raises:
        InputError: the template is empty, or holds what JSON cannot carry.
    """
    if not template:
        raise InputError(
            "the prompt has no template", where=name or "prompt", remedy="Register the prompt with its text."
        )
    return Subject("prompt", digest({"template": template, "config": dict(config or {})}), name)


def no_check_of_prompts(name: str) -> InputError:
    """What a command that reads a model's bytes says of a prompt, which has none."""
    return InputError(
        f"{name} is a prompt: prompts cannot be checked, requested or granted on evidence yet",
        remedy="To use it under a governed alias meanwhile, have a policy owner open prompts, then set the alias with "
        'MLflow: aims-gates db open-mode on --prompts --reason "..." --key POLICY.key',
    )


def service_subject(
    provider: str, model: str, dated: str, parameters: Mapping[str, Any], prompt: str | None = None, name: str = ""
) -> Subject:
    """The subject of a service that somebody else runs: what we ask for, pinned as far as it can be.

    Args:
        provider: Who runs it.
        model: The model's name at the provider.
        dated: ISO date of that model's release: a name that moves is no subject.
        parameters: All that is sent beside the prompt (temperature, limits ...).
        prompt: Digest of the prompt version it is used with.

    Raises:
        InputError: a part is missing or malformed.
    """
    where = name or f"{provider}/{model}"
    if not provider or not model or not _DATE.fullmatch(dated):
        raise InputError(
            "a service needs provider, model and the date of that model (YYYY-MM-DD)",
            where=where,
            remedy="Take the dated model name from the provider's list of models.",
        )
    if prompt is not None and not is_digest(prompt):
        raise InputError(
            "prompt must be the digest of a prompt version", where=where, remedy="Use sha256:<64 hex digits>."
        )
    body = {"provider": provider, "model": model, "dated": dated, "parameters": dict(parameters), "prompt": prompt}
    return Subject("service", digest(body), where)

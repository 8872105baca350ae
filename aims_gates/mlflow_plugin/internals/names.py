"""What the client and the store use of MLflow beyond its public interface, with the versions that have it.

A role is what a name is for; where MLflow renamed one, a role has several names, of which one holds for each version.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from aims_gates.mlflow_plugin.internals.versions import Minor

__all__ = ["STORE_NAMES", "Name"]


@dataclass(frozen=True)
class Name:
    """A name in MLflow.

    Attributes:
        module: Where it stands.
        name: The name; with dots for what a class holds.
        shape: ``(a, b=)`` for a function, ``class``, ``value``, or the text itself, in quotes.
        since, until: The first and the last minor version with it, among those that are supported.
        read: Read from the module's source, which is not imported.
    """

    module: str
    name: str
    shape: str
    since: Minor = (3, 10)
    until: Minor | None = None
    read: bool = False

    def holds(self, version: Minor) -> bool:
        """Whether a version has it; a version newer than all that are known, as the newest known."""
        return self.since <= version and (self.until is None or version <= self.until)


_STORE = "mlflow.store.model_registry.sqlalchemy_store"
_MODELS = "mlflow.store.model_registry.dbmodels.models"
_VALIDATION = "mlflow.utils.validation"
_PROMPTS = "mlflow.prompt.constants"
_CONSTANTS = "mlflow.server.constants"
_REPOSITORIES = "mlflow.store.artifact.artifact_repository_registry"

_VALIDATORS: Mapping[str, tuple[Name, ...]] = {
    "validate_name": (Name(_VALIDATION, "_validate_model_name", "(model_name)"),),
    "validate_renaming": (Name(_VALIDATION, "_validate_model_renaming", "(model_new_name)"),),
    "validate_version": (Name(_VALIDATION, "_validate_model_version", "(model_version)"),),
    "validate_alias": (
        Name(_VALIDATION, "_validate_model_alias_name", "(model_alias_name)", until=(3, 17)),
        Name(_VALIDATION, "_validate_alias_name", "(alias, resource_type=)", since=(3, 18)),
    ),
    "validate_alias_reserved": (
        Name(_VALIDATION, "_validate_model_alias_name_reserved", "(model_alias_name)", until=(3, 17)),
        Name(_VALIDATION, "_validate_alias_name_reserved", "(alias)", since=(3, 18)),
    ),
    "latest": (Name(_VALIDATION, "_REGISTERED_MODEL_ALIAS_LATEST", "'latest'"),),
}

_PROMPT_TAGS: Mapping[str, tuple[Name, ...]] = {
    "prompt_placeholders": (Name(_PROMPTS, "_PROMPT_SOURCE_PLACEHOLDERS", "value", since=(3, 17)),),
    "is_prompt": (Name(_PROMPTS, "IS_PROMPT_TAG_KEY", "'mlflow.prompt.is_prompt'"),),
    "prompt_text": (Name(_PROMPTS, "PROMPT_TEXT_TAG_KEY", "'mlflow.prompt.text'"),),
    "prompt_type": (Name(_PROMPTS, "PROMPT_TYPE_TAG_KEY", "'_mlflow_prompt_type'"),),
    "prompt_response": (Name(_PROMPTS, "RESPONSE_FORMAT_TAG_KEY", "'_mlflow_prompt_response_format'"),),
    "prompt_model": (Name(_PROMPTS, "PROMPT_MODEL_CONFIG_TAG_KEY", "'_mlflow_prompt_model_config'"),),
}

#: Methods of the store's class that are called or overridden, and how they take their arguments.
_SIGNATURES: Mapping[str, str] = {
    "_get_active_workspace": "(self)",
    "_get_query": "(self, session, model)",
    "_get_registered_model": "(self, session, name, eager=)",
    "_get_registered_model_alias": "(self, session, name, alias)",
    "_get_registered_model_tag": "(self, session, name, key)",
    "_get_sql_model_version": "(self, session, name, version, eager=)",
    "_dispose_engine": "(self)",
    "create_registered_model": "(self, name, tags=, description=, deployment_job_id=)",
    "create_model_version": (
        "(self, name, source, run_id=, tags=, run_link=, description=, local_model_path=, model_id=)"
    ),
    "rename_registered_model": "(self, name, new_name)",
    "delete_registered_model": "(self, name)",
    "delete_model_version": "(self, name, version)",
    "set_registered_model_alias": "(self, name, alias, version)",
    "delete_registered_model_alias": "(self, name, alias)",
    "set_registered_model_tag": "(self, name, tag)",
    "delete_registered_model_tag": "(self, name, key)",
    "transition_model_version_stage": "(self, name, version, stage, archive_existing_versions)",
    "get_model_version_by_alias": "(self, name, alias)",
    "get_latest_versions": "(self, name, stages=)",
    "get_model_version_download_uri": "(self, name, version)",
}
_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "SqlRegisteredModel": ("workspace", "name", "registered_model_tags", "registered_model_aliases"),
    "SqlRegisteredModelAlias": ("workspace", "name", "alias", "version"),
    "SqlModelVersion": (
        *("workspace", "name", "version", "source", "run_id", "storage_location", "current_stage", "creation_time"),
        "model_version_tags",
    ),
}

_CLASSES: Mapping[str, tuple[Name, ...]] = {
    "store": (Name(_STORE, "SqlAlchemyStore", "class"),),
    "workspace_store": (
        Name("mlflow.store.model_registry.sqlalchemy_workspace_store", "WorkspaceAwareSqlAlchemyStore", "class"),
    ),
    "begin": (
        Name(_STORE, "SqlAlchemyStore.__init__", "(self, db_uri)", until=(3, 12)),
        Name(_STORE, "SqlAlchemyStore.__init__", "(self, db_uri, read_db_uri=)", since=(3, 13)),
    ),
    **{name: (Name(_STORE, f"SqlAlchemyStore.{name}", shape),) for name, shape in _SIGNATURES.items()},
    **{
        f"{table}.{column}": (Name(_MODELS, f"{table}.{column}", "value"),)
        for table, columns in _COLUMNS.items()
        for column in columns
    },
}

_ELSEWHERE: Mapping[str, tuple[Name, ...]] = {
    "enable_workspaces": (Name("mlflow.environment_variables", "MLFLOW_ENABLE_WORKSPACES", "value"),),
    "workspace_context": (
        Name("mlflow.utils.workspace_context", "WorkspaceContext", "class", until=(3, 12)),
        Name("mlflow.utils.workspace_context", "ServerWorkspaceContext", "class", since=(3, 13)),
    ),
    "parse_model_uri": (Name("mlflow.store.artifact.utils.models", "_parse_model_uri", "(uri, scheme=)"),),
    "registry_store": (Name("mlflow.tracking._model_registry.utils", "_get_store", "(store_uri=, tracking_uri=)"),),
    "repositories": (Name(_REPOSITORIES, "_artifact_repository_registry", "value"),),
    "repository_of": (
        Name(
            _REPOSITORIES,
            "ArtifactRepositoryRegistry.get_artifact_repository",
            "(self, artifact_uri, tracking_uri=, registry_uri=)",
        ),
    ),
}

#: What a server tells its workers. Were one renamed, a server would take itself for a client.
_ENVIRONMENT: Mapping[str, tuple[Name, ...]] = {
    "artifact_root": (Name(_CONSTANTS, "ARTIFACT_ROOT_ENV_VAR", "'_MLFLOW_SERVER_ARTIFACT_ROOT'", read=True),),
    "artifacts_destination": (
        Name(_CONSTANTS, "ARTIFACTS_DESTINATION_ENV_VAR", "'_MLFLOW_SERVER_ARTIFACT_DESTINATION'", read=True),
    ),
    "serve_artifacts": (Name(_CONSTANTS, "SERVE_ARTIFACTS_ENV_VAR", "'_MLFLOW_SERVER_SERVE_ARTIFACTS'", read=True),),
    "registry_uri": (Name(_CONSTANTS, "REGISTRY_STORE_URI_ENV_VAR", "'_MLFLOW_SERVER_REGISTRY_STORE'", read=True),),
    "read_replica": (
        Name(
            _CONSTANTS,
            "READ_REPLICA_BACKEND_STORE_URI_ENV_VAR",
            "'_MLFLOW_SERVER_READ_REPLICA_BACKEND_STORE'",
            since=(3, 13),
            read=True,
        ),
    ),
}

STORE_NAMES: Mapping[str, tuple[Name, ...]] = {**_VALIDATORS, **_PROMPT_TAGS, **_CLASSES, **_ELSEWHERE, **_ENVIRONMENT}

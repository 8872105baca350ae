"""What the server uses of MLflow's server beyond its public interface, with the versions that have it."""

from collections.abc import Mapping
from dataclasses import dataclass

from aims_gates.mlflow_plugin.internals.names import Name
from aims_gates.mlflow_plugin.internals.versions import Minor

__all__ = ["AUTH_NAMES", "CALLS", "HANDLER_NAMES", "NATIVE_NAMES", "SIGN_IN_CALLS", "Call"]


@dataclass(frozen=True)
class Call:
    """A function of MLflow that must look these names up when it runs: what they stand for is replaced."""

    module: str
    function: str
    names: tuple[str, ...]
    since: Minor = (3, 10)


_AUTH = "mlflow.server.auth"
_HANDLERS = "mlflow.server.handlers"
_ENVIRONMENT = "mlflow.environment_variables"
_TRACKING = "mlflow.store.tracking.dbmodels.models"
_REPOSITORIES = "mlflow.store.artifact.artifact_repository_registry"

HANDLER_NAMES: Mapping[str, tuple[Name, ...]] = {
    "registry_store": (Name(_HANDLERS, "_get_model_registry_store", "(registry_store_uri=)"),),
    "tracking_store": (Name(_HANDLERS, "_get_tracking_store", "(backend_store_uri=, default_artifact_root=)"),),
    "workspace_store": (
        Name("mlflow.server.workspace_helpers", "_get_workspace_store", "(workspace_uri=, tracking_uri=)"),
    ),
    "scoped_path": (Name(_HANDLERS, "_get_workspace_scoped_repo_path_if_enabled", "(artifact_path)"),),
    "flask_app": (Name("mlflow.server", "app", "value"),),
    "is_prompt": (Name("mlflow.entities.model_registry.registered_model", "RegisteredModel._is_prompt", "(self)"),),
    "delete_logged_model": (
        Name("mlflow.store.tracking.sqlalchemy_store", "SqlAlchemyStore.delete_logged_model", "(self, model_id)"),
    ),
    "run": (Name(_TRACKING, "SqlRun.run_uuid", "value"),),
    "logged_model": (Name(_TRACKING, "SqlLoggedModel.model_id", "value"),),
    "program": (Name(_ENVIRONMENT, "_MLFLOW_SGI_NAME.name", "'_MLFLOW_SGI_NAME'"),),
    "static_prefix": (Name(_HANDLERS, "STATIC_PREFIX_ENV_VAR", "'_MLFLOW_STATIC_PREFIX'"),),
    "gateway_token": (
        Name(
            _ENVIRONMENT,
            "_MLFLOW_INTERNAL_GATEWAY_AUTH_TOKEN.name",
            "'_MLFLOW_INTERNAL_GATEWAY_AUTH_TOKEN'",
            since=(3, 12),
        ),
    ),
    "delegation_key": (
        Name(
            _ENVIRONMENT,
            "_MLFLOW_ASSISTANT_DELEGATION_SIGNING_KEY.name",
            "'_MLFLOW_ASSISTANT_DELEGATION_SIGNING_KEY'",
            since=(3, 18),
        ),
    ),
    "delegation_header": (
        Name(
            "mlflow.tracking.request_auth.assistant_delegation_request_auth_provider",
            "ASSISTANT_DELEGATION_HEADER",
            "'X-MLflow-Assistant-Delegation'",
            since=(3, 18),
        ),
    ),
}

#: Apart, because importing it loads the whole application.
NATIVE_NAMES: Mapping[str, tuple[Name, ...]] = {
    "fastapi_app": (Name("mlflow.server.fastapi_app", "create_fastapi_app", "(flask_app=)"),),
}

AUTH_NAMES: Mapping[str, tuple[Name, ...]] = {
    "create_app": (Name(_AUTH, "create_app", "(app=)"),),
    "configuration": (Name(_AUTH, "auth_config.authorization_function", "value"),),
    "users": (Name(_AUTH, "store", "value"),),
    "bootstrap": (Name(_AUTH, "bootstrap_admin_user", "()"),),
    "bootstrapped": (Name(_ENVIRONMENT, "_MLFLOW_AUTH_ADMIN_BOOTSTRAPPED.name", "'_MLFLOW_AUTH_ADMIN_BOOTSTRAPPED'"),),
    "ask_to_sign_in": (Name(_AUTH, "make_basic_auth_response", "()"),),
    "by_password": (Name(_AUTH, "_authenticate_cached", "(username, password)"),),
    "cache": (Name(_AUTH, "_USER_AUTH_CACHE", "value"),),
    "get_user": (Name(f"{_AUTH}.sqlalchemy_store", "SqlAlchemyStore.get_user", "(self, username)"),),
    "list_users": (Name(f"{_AUTH}.sqlalchemy_store", "SqlAlchemyStore.list_users", "(self)"),),
    "create_user": (
        Name(f"{_AUTH}.sqlalchemy_store", "SqlAlchemyStore.create_user", "(self, username, password, is_admin=)"),
    ),
    "usual_function": (
        Name(
            f"{_AUTH}.config",
            "DEFAULT_AUTHORIZATION_FUNCTION",
            "'mlflow.server.auth:authenticate_request_basic_auth'",
        ),
    ),
    "gateway_header": (
        Name("mlflow.gateway.constants", "MLFLOW_GATEWAY_AUTH_HEADER", "'X-MLflow-Authorization'", since=(3, 15)),
    ),
    "permission": (Name(_AUTH, "_get_role_permission_or_default", "(role_permission_func)"),),
    "role": (
        Name(
            _AUTH,
            "_role_permission_for_known_workspace",
            "(username, resource_type, resource_key, workspace_name)",
        ),
    ),
    "authorize": (Name(_AUTH, "authorize", "(username, anchor, requirements)", since=(3, 17)),),
    "requirement": (Name(f"{_AUTH}.requirements", "Requirement", "class", since=(3, 17)),),
    "native_proxy": (
        Name(_AUTH, "_authorize_fastapi_artifact_proxy", "(path, username, query_path, action)", since=(3, 17)),
    ),
    "flask_proxy": (Name(_AUTH, "_authorize_flask_artifact_proxy", "(action)", since=(3, 17)),),
    "flask_path": (Name(_AUTH, "_artifact_proxy_path", "()", since=(3, 17)),),
    "native_path": (
        Name(_AUTH, "_artifact_proxy_path_from_request_path", "(path, query_path)", since=(3, 17), until=(3, 17)),
        Name(_AUTH, "_effective_artifact_proxy_path", "(path, query_path=)", since=(3, 18)),
    ),
    "canonical_path": (Name(_AUTH, "_canonical_artifact_proxy_path", "(artifact_path)", since=(3, 17)),),
}

#: What is replaced, or given a class of ours, is what MLflow's own code looks up when it runs.
CALLS: tuple[Call, ...] = (
    Call(_REPOSITORIES, "get_artifact_repository", ("_artifact_repository_registry", "get_artifact_repository")),
    Call(_HANDLERS, "_get_artifact_repo_mlflow_artifacts", ("get_artifact_repository",)),
    Call(_HANDLERS, "_set_registered_model_alias", ("_get_model_registry_store", "set_registered_model_alias")),
    Call(_HANDLERS, "_transition_stage", ("_get_model_registry_store", "transition_model_version_stage")),
    Call(_HANDLERS, "_create_model_version", ("_get_model_registry_store", "create_model_version")),
    Call(_HANDLERS, "_delete_logged_model", ("_get_tracking_store", "delete_logged_model")),
)
SIGN_IN_CALLS: tuple[Call, ...] = (
    Call(_AUTH, "authenticate_request", ("auth_config", "authorization_function")),
    Call(_AUTH, "_authenticate_cached", ("_USER_AUTH_CACHE",)),
    Call(_AUTH, "validate_can_read_experiment_artifact_proxy", ("_authorize_flask_artifact_proxy",), since=(3, 17)),
    Call(_AUTH, "validate_can_update_experiment_artifact_proxy", ("_authorize_flask_artifact_proxy",), since=(3, 17)),
    Call(_AUTH, "validate_can_delete_experiment_artifact_proxy", ("_authorize_flask_artifact_proxy",), since=(3, 17)),
    Call(_AUTH, "_get_fastapi_proxy_artifact_validator", ("_authorize_fastapi_artifact_proxy",), since=(3, 17)),
    Call(_AUTH, "create_user", ("store", "create_user")),
)

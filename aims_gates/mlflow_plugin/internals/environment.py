"""What MLflow's server tells its workers by environment variables; the names are verified before a store is made."""

import os

__all__ = [
    "ALLOWED_HOSTS",
    "ALLOWED_ORIGINS",
    "ARTIFACTS_DESTINATION_ENV_VAR",
    "ARTIFACT_ROOT_ENV_VAR",
    "BOOTSTRAPPED",
    "DELEGATION_HEADER",
    "DELEGATION_KEY",
    "GATEWAY_TOKEN",
    "PROGRAM",
    "READ_REPLICA_ENV_VAR",
    "REGISTRY_ENV_VAR",
    "SERVE_ARTIFACTS_ENV_VAR",
    "STATIC_PREFIX_ENV_VAR",
    "in_server",
    "served_by",
]

#: What MLflow takes for its own in the headers Host and Origin, joined by commas (3.5).
ALLOWED_HOSTS = "MLFLOW_SERVER_ALLOWED_HOSTS"
ALLOWED_ORIGINS = "MLFLOW_SERVER_CORS_ALLOWED_ORIGINS"
ARTIFACT_ROOT_ENV_VAR = "_MLFLOW_SERVER_ARTIFACT_ROOT"
ARTIFACTS_DESTINATION_ENV_VAR = "_MLFLOW_SERVER_ARTIFACT_DESTINATION"
SERVE_ARTIFACTS_ENV_VAR = "_MLFLOW_SERVER_SERVE_ARTIFACTS"
READ_REPLICA_ENV_VAR = "_MLFLOW_SERVER_READ_REPLICA_BACKEND_STORE"
REGISTRY_ENV_VAR = "_MLFLOW_SERVER_REGISTRY_STORE"
STATIC_PREFIX_ENV_VAR = "_MLFLOW_STATIC_PREFIX"
#: The program that serves: uvicorn, gunicorn or waitress.
PROGRAM = "_MLFLOW_SGI_NAME"
#: That the administrator was made already.
BOOTSTRAPPED = "_MLFLOW_AUTH_ADMIN_BOOTSTRAPPED"
#: Two secrets that would sign callers in before anybody asks us.
#: A header of MLflow's assistant, which the first of them signs (3.18); lower case.
DELEGATION_HEADER = "x-mlflow-assistant-delegation"
DELEGATION_KEY = "_MLFLOW_ASSISTANT_DELEGATION_SIGNING_KEY"
GATEWAY_TOKEN = "_MLFLOW_INTERNAL_GATEWAY_AUTH_TOKEN"


def served_by() -> str | None:
    """The program that serves this process's application; None outside a server."""
    return os.environ.get(PROGRAM)


def in_server() -> bool:
    """Whether this process serves MLflow's registry: the server tells its workers so.

    No store is made where MLflow calls these otherwise, and our application does not start where this says no.
    """
    return any(name in os.environ for name in (ARTIFACT_ROOT_ENV_VAR, ARTIFACTS_DESTINATION_ENV_VAR, REGISTRY_ENV_VAR))

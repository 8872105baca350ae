"""Our HTTP API, beside MLflow's: statements, plans, requests and their answers, staging, promotion, the ledger."""

from fastapi import APIRouter

from aims_gates.mlflow_plugin.api import acting, carrying, describing, reading
from aims_gates.mlflow_plugin.api.answers import PermittedRoute
from aims_gates.mlflow_plugin.server.permissions import PREFIX

__all__ = ["router"]


def router() -> APIRouter:
    """The routes under :data:`aims_gates.mlflow_plugin.server.permissions.PREFIX`, to be added before MLflow's Flask
    mount.

    The middleware authenticates; each route looks itself up in the table of permissions and refuses where it is absent.
    """
    result = APIRouter(prefix=PREFIX, route_class=PermittedRoute)
    reading.add_to(result)
    acting.add_to(result)
    carrying.add_to(result)
    describing.add_to(result)
    return result

"""Our own pages under ``/aims/``, beside MLflow's: all models, one model, one version. They read, and say nothing.

Made on the server and sent whole: no script, nothing loaded from elsewhere, nothing that a browser may do but follow
links and send the filter's form.
"""

from fastapi import APIRouter

from aims_gates.mlflow_plugin.pages import fleet, models, versions
from aims_gates.mlflow_plugin.pages.frame import PageRoute
from aims_gates.mlflow_plugin.server.permissions import PAGES

__all__ = ["router"]


def router() -> APIRouter:
    """The routes under :data:`aims_gates.mlflow_plugin.server.permissions.PAGES`, to be added before MLflow's Flask
    mount; each looks itself up in the table of permissions, as those of the API do.
    """
    result = APIRouter(prefix=PAGES, route_class=PageRoute, include_in_schema=False)
    for path, endpoint in (
        ("", fleet.moved),
        ("/", fleet.shown),
        ("/models/{name}", models.shown),
        ("/models/{name}/versions/{version}", versions.shown),
    ):
        result.api_route(path, methods=["GET", "HEAD"], response_model=None)(endpoint)
    return result

"""The OpenAPI document of our routes, and of no others."""

from typing import Any

from fastapi import APIRouter
from fastapi.openapi.utils import get_openapi

from aims_gates import __version__
from aims_gates.mlflow_plugin.api.shapes import Refusal
from aims_gates.mlflow_plugin.internals.public_url import PublicUrl, public_url

__all__ = ["add_to", "document"]

_STATUSES = {
    "400": "what was sent is not valid",
    "401": "not signed in",
    "403": "refused",
    "404": "what is named is not there",
    "409": "another change was being written, or the ledger cannot be used",
}


def document(router: APIRouter, public: PublicUrl | None = None) -> dict[str, Any]:
    """The document, every route with the refusals it may answer, behind HTTP basic authentication or a bearer token."""
    schema = get_openapi(
        title="aims-gates",
        version=__version__,
        summary="Statements, decisions and promotions of a gated MLflow registry",
        description="Errors are JSON as MLflow's: error_code and message, with aims_* fields of ours beside them.",
        routes=router.routes,
        servers=None if public is None else [{"url": public.origin}],
    )
    schemas = schema.setdefault("components", {}).setdefault("schemas", {})
    schemas |= {"Refusal": Refusal.model_json_schema()}
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Refusal"}}}
    for path in schema["paths"].values():
        for operation in path.values():
            operation["responses"].pop("422", None)
            for status, description in _STATUSES.items():
                operation["responses"][status] = {"description": description, "content": content}
    schema["components"]["securitySchemes"] = {
        "basic": {"type": "http", "scheme": "basic"},
        "token": {"type": "http", "scheme": "bearer"},
    }
    schema["security"] = [{"basic": []}, {"token": []}]
    return schema


def add_to(router: APIRouter) -> None:
    """Add the route."""

    @router.get("/openapi.json")
    def openapi() -> dict[str, Any]:
        """This document."""
        return document(router, public_url())

"""How a route of ours answers: who asks, what the table says of it, and every refusal as MLflow's JSON."""

# mypy: allow-untyped-calls

import json
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from mlflow.exceptions import MlflowException
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException

from aims_gates.errors import AimsGatesError, IntegrityError, LedgerError, NotFoundError, RefusedError
from aims_gates.mlflow_plugin.server.overrun import watched
from aims_gates.mlflow_plugin.server.permissions import PREFIX, requirement
from aims_gates.mlflow_plugin.store.identity import Principal, principal
from aims_gates.mlflow_plugin.store.session import conflict, is_conflict

__all__ = ["PermittedRoute", "caller", "refused", "status_of"]

_CODES = {
    400: "INVALID_PARAMETER_VALUE",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "RESOURCE_DOES_NOT_EXIST",
    409: "RESOURCE_CONFLICT",
}


def caller() -> Principal:
    """Who asks.

    Raises:
        RefusedError: nobody is known (routes are reached behind the middleware only).
    """
    who = principal()
    if who is None:
        raise RefusedError("you are not signed in", remedy="Sign in to this server.")
    return who


def _answer(status: int, message: str, **fields: Any) -> JSONResponse:
    values = {name: value for name, value in fields.items() if value is not None}
    return JSONResponse({"error_code": _CODES.get(status, "BAD_REQUEST"), "message": message, **values}, status)


def status_of(error: AimsGatesError) -> int:
    """The status with which an error of ours is answered."""
    match error:
        case NotFoundError():
            return 404
        case RefusedError() | IntegrityError():
            return 403
        case LedgerError():
            return 409
        case _:
            return 400


def refused(error: AimsGatesError) -> Response:
    """An error of ours as an answer; its class, place and remedy beside MLflow's two fields."""
    fields = {"aims_message": error.message, "aims_where": error.where, "aims_remedy": error.remedy}
    return _answer(status_of(error), str(error), aims_error=type(error).__name__, **fields)


def _invalid(error: RequestValidationError) -> Response:
    errors = error.errors()
    first = errors[0] if errors else {"loc": (), "msg": "malformed"}
    place = ".".join(str(part) for part in first["loc"])[:200].encode("ascii", "replace").decode()
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    message = f"{place}: {first['msg']}{more}".encode("utf-8", "replace").decode()
    return _answer(400, message, aims_error="InputError", aims_message=message)


class PermittedRoute(APIRoute):
    """A route that answers in our way and is refused when the table of permissions does not hold it."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        super().__init__(path, watched(endpoint), **options)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        usual = super().get_route_handler()
        known = requirement(min(self.methods or {""}), self.path[self.path.index(PREFIX) :])

        async def handle(request: Request) -> Response:
            if principal() is None:
                return _answer(401, "You are not signed in.", aims_error="RefusedError")
            if known is None:
                return _answer(403, "No rule says who may do this, so nobody may.", aims_error="RefusedError")
            try:
                return await usual(request)
            except RequestValidationError as error:
                return _invalid(error)
            except HTTPException as error:
                return _answer(error.status_code, str(error.detail))
            except MlflowException as error:
                return JSONResponse(json.loads(error.serialize_as_json()), error.get_http_status_code())
            except AimsGatesError as error:
                return refused(error)
            except SQLAlchemyError as error:
                if not is_conflict(error):
                    raise
                busy = conflict(error)
                return JSONResponse(json.loads(busy.serialize_as_json()), busy.get_http_status_code())

        return handle

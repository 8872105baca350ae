"""What every page has: who may see it, its frame, the headers that confine it, and refusals as pages."""

# mypy: allow-untyped-calls

import base64
import hashlib
from collections.abc import Callable, Coroutine, Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse
from fastapi.routing import APIRoute
from markupsafe import Markup
from mlflow.exceptions import MlflowException
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from aims_gates.errors import AimsGatesError, NotFoundError
from aims_gates.ledger import tree_head
from aims_gates.mlflow_plugin.api.answers import caller, status_of
from aims_gates.mlflow_plugin.server.live_store import Sight, workspace
from aims_gates.mlflow_plugin.server.overrun import watched
from aims_gates.mlflow_plugin.server.permissions import PAGES, requirement
from aims_gates.mlflow_plugin.store.identity import principal
from aims_gates.mlflow_plugin.store.session import is_conflict
from aims_gates.reports.html import page, styles

__all__ = [
    "HEADERS",
    "PageRoute",
    "day",
    "minute",
    "model_page",
    "need_sight",
    "not_there",
    "shown_page",
    "version_page",
]

_TEMPLATES = Path(__file__).parent / "templates"
_TITLES = {400: "No such page", 401: "Please sign in", 403: "Not for you", 404: "Not here", 409: "Somebody is writing"}
_AGAIN = "Load the page again in a moment."


@cache
def _css() -> str:
    return styles() + (_TEMPLATES / "pages.css").read_text("utf-8")


def _digest() -> str:
    """The style sheet as a policy names it (Content Security Policy Level 3, "hash-source")."""
    return base64.b64encode(hashlib.sha256(_css().encode()).digest()).decode()


#: What a browser may do with a page: use its one style sheet, and send its form back here. No script runs, nothing is
#: loaded, nobody frames it, and where it leads learns nothing of its address.
HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_digest()}'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def model_page(name: str) -> str:
    """The path of a model's page."""
    return f"{PAGES}/models/{quote(name, safe='')}"


def version_page(name: str, version: str) -> str:
    """The path of a version's page."""
    return f"{model_page(name)}/versions/{quote(version, safe='')}"


def day(moment: datetime) -> str:
    """A day as pages show it, UTC."""
    return moment.astimezone(UTC).date().isoformat()


def minute(moment: datetime) -> str:
    """A moment as pages show it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def need_sight(connection: Connection, name: str, version: str | None = None) -> None:
    """Refuse who may not read a model, as if it, or the version that was asked for, were not there.

    Raises:
        NotFoundError: MLflow does not let the caller read it.
    """
    if not Sight(connection, caller()).of((workspace(), name)):
        raise not_there(name, version)


def not_there(name: str, version: str | None = None) -> NotFoundError:
    """That there is no such model or version, or none for the caller to read: one answer, so that it tells nothing."""
    what = f"the model {name!r}" if version is None else f"version {version} of {name!r}"
    remedy = "Look at the spelling, or ask whoever manages the model for READ."
    return NotFoundError(f"there is no page of {what} for you", remedy=remedy)


def shown_page(template: str, connection: Connection, now: datetime, values: Mapping[str, Any]) -> Response:
    """A page of what the ledger says now.

    Args:
        template: Its file.
        connection: The ledger.
        now: As of when.
        values: What the template is given.
    """
    size, root = tree_head(connection)
    return _response(200, template, {**values, "ledger": f"{size:,} rows, root {root.hex()[:12]}", "now": minute(now)})


def _response(status: int, template: str, values: Mapping[str, Any]) -> Response:
    who = principal()
    common = {"css": Markup(_css()), "who": who.name if who else "", "home": f"{PAGES}/"}
    links = {"model_page": model_page, "version_page": version_page, "day": day, "minute": minute}
    return HTMLResponse(page(template, {**common, **links, **values}, _TEMPLATES), status)


def _refusal(status: int, message: str, remedy: str | None = None) -> Response:
    values = {"title": _TITLES.get(status, "That did not work"), "why": message, "next": remedy or ""}
    return _response(status, "refusal.html", {**values, "ledger": "", "now": ""})


class PageRoute(APIRoute):
    """A route that answers with a page, whatever happens, and is refused when the table of permissions lacks it."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        super().__init__(path, watched(endpoint), **options)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        usual = super().get_route_handler()
        known = requirement(min(self.methods or {""}), self.path[self.path.index(PAGES) :])

        async def handle(request: Request) -> Response:
            if principal() is None:
                response = _refusal(401, "you are not signed in", "Sign in to this server.")
            elif known is None:
                response = _refusal(403, "no rule says who may see this, so nobody may")
            else:
                response = await _attempt(usual, request)
            response.headers.update(HEADERS)
            return response

        return handle


async def _attempt(usual: Callable[[Request], Coroutine[Any, Any, Response]], request: Request) -> Response:
    try:
        return await usual(request)
    except RequestValidationError:
        return _refusal(400, "this address is not one of a page", "Look at its spelling, or begin at the list.")
    except AimsGatesError as error:
        return _refusal(status_of(error), error.message, error.remedy)
    except MlflowException as error:
        return _refusal(error.get_http_status_code(), error.message)
    except SQLAlchemyError as error:
        if not is_conflict(error):
            raise
        return _refusal(409, "somebody else is writing to the registry just now", _AGAIN)

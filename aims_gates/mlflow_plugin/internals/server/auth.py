"""MLflow's authentication and permissions: asked by us, and asking us."""

# mypy: allow-untyped-calls

from collections.abc import Callable
from typing import Any

from cachetools import TTLCache
from mlflow.server import auth

from aims_gates.mlflow_plugin.internals.server.verify import need_auth

__all__ = [
    "GATEWAY_HEADER",
    "USUAL_FUNCTION",
    "application",
    "ask_to_sign_in",
    "ask_us",
    "asked",
    "bootstrap",
    "by_password",
    "judge_released",
    "may",
    "remember",
    "replace_create_user",
    "users",
]

_NAMES = need_auth()

USUAL_FUNCTION: str = _NAMES["usual_function"]
GATEWAY_HEADER: str = _NAMES["gateway_header"]


def application(flask: Any) -> Any:
    """MLflow's application with its authentication."""
    return _NAMES["create_app"](flask)


def bootstrap() -> None:
    """Make the database of users and its administrator, where they are missing."""
    _NAMES["bootstrap"]()


def users() -> Any:
    """MLflow's store of users."""
    return _NAMES["users"]


def by_password(name: str, password: str) -> Any:
    """The user with this password; None where there is none."""
    return _NAMES["by_password"](name, password)


def ask_to_sign_in() -> Any:
    """MLflow's answer 401."""
    return _NAMES["ask_to_sign_in"]()


def asked() -> str:
    """The function that MLflow's authentication asks who is there."""
    return str(auth.auth_config.authorization_function)


def ask_us(function: str) -> None:
    """Let it ask this one (``module:name``)."""
    auth.auth_config = auth.auth_config._replace(authorization_function=function)


def remember(seconds: int) -> None:
    """Remember passwords that were right for so long, unless MLflow was told how long."""
    if auth._USER_AUTH_CACHE is None and seconds:
        auth._USER_AUTH_CACHE = TTLCache(maxsize=10_000, ttl=seconds)


def replace_create_user(store: Any, over: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
    """Put a function in the place of the one by which a store of users makes one; ``over`` gives it for that one."""
    store.create_user = over(store.create_user)


def may(login: str, kind: str, name: str, workspace: str | None, action: str) -> bool:
    """MLflow's rule for its own routes to a registered model or prompt.

    Args:
        login: The user.
        kind: ``registered_model`` or ``prompt``.
        name, workspace: Which one.
        action: ``read``, or ``update`` for setting an alias.
    """
    permission = _NAMES["permission"](_NAMES["role"](login, kind, name, workspace))
    if action == "read":
        return bool(permission.can_read)
    version = _NAMES["requirement"](f"{kind}_version", "*", "read", fallback_if_no_grant=((kind, name),))
    return bool(permission.can_update) and bool(_NAMES["authorize"](login, (kind, name), [version]))


def judge_released(rule: Callable[[str, str], bool | None]) -> None:
    """Let a rule of ours judge proxied paths before MLflow's does, which goes by the experiment in them.

    Args:
        rule: Of a path, every escape undone, and an action; None where it does not speak about them.
    """
    native, flask, canonical = _NAMES["native_proxy"], _NAMES["flask_proxy"], _NAMES["canonical_path"]

    def judged(path: str | None, action: str) -> bool | None:
        plain = canonical(path) if path else None
        return None if plain is None else rule(plain, action)

    def natively(path: str, username: str, query_path: str | None, action: str) -> bool:
        answer = judged(_NAMES["native_path"](path, query_path), action)
        return bool(native(path, username, query_path, action)) if answer is None else answer

    def by_flask(action: str) -> bool:
        answer = judged(_NAMES["flask_path"](), action)
        return bool(flask(action)) if answer is None else answer

    auth._authorize_fastapi_artifact_proxy = natively
    auth._authorize_flask_artifact_proxy = by_flask

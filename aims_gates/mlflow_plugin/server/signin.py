"""One sign-in for every request, native or Flask: MLflow's own users, verified tokens, a trusted proxy's header.

MLflow's permissions stay MLflow's: its checks are told who this is by :func:`authorization`, which takes the place of
its password check (the password was checked here). People who come by token or proxy get an MLflow user of the same
name with a password that nobody knows, so that permissions can be given to them; an administrator signs in with
MLflow's own password only.
"""

# mypy: allow-untyped-calls

import hashlib
import hmac
import secrets
import threading
from collections.abc import MutableMapping
from typing import Any

from cachetools import TTLCache
from mlflow.exceptions import MlflowException
from starlette.datastructures import Headers
from werkzeug.datastructures import Authorization

from aims_gates.errors import InputError, RefusedError
from aims_gates.mlflow_plugin.internals.server import auth
from aims_gates.mlflow_plugin.server.attempts import Attempts
from aims_gates.mlflow_plugin.server.client_address import UNKNOWN, peer
from aims_gates.mlflow_plugin.server.configuration import Configuration
from aims_gates.mlflow_plugin.server.oidc import Tokens
from aims_gates.mlflow_plugin.server.passwords import take_equal_time
from aims_gates.mlflow_plugin.server.refusing import SlowDown
from aims_gates.mlflow_plugin.store.identity import Principal, principal

__all__ = ["SignIn", "authorization", "bootstrap", "take_over"]

Scope = MutableMapping[str, Any]
_HERE = f"{__name__}:authorization"
#: How long a worker knows that a login and a password were right once, so that others' guesses do not hold it up.
_KNOWN_SECONDS = 12 * 3600


def authorization() -> Any:
    """What MLflow calls in place of its password check: who the middleware found, or the answer 401."""
    who = principal()
    if who is None or who.via == "http":
        return auth.ask_to_sign_in()
    return Authorization("basic", {"username": who.name, "password": ""})


def take_over(configuration: Configuration) -> None:
    """Let MLflow's authentication ask us, and remember sign-ins for a while: its password check takes 0.3 s.

    Raises:
        InputError: another authorization function is configured; it would never be asked.
    """
    credentials = auth.asked()
    if credentials not in (auth.USUAL_FUNCTION, _HERE):
        raise InputError(
            f"the authorization function {credentials} would not be asked",
            where="MLflow's auth configuration",
            remedy="Leave authorization_function out, and sign people in by oidc or proxy.",
        )
    auth.ask_us(_HERE)
    take_equal_time(auth.users())
    auth.remember(configuration.cache_seconds)


def bootstrap() -> None:
    """Make the database of users where it is missing, and its administrator, before any worker does.

    Raises:
        MlflowException: no password for a new administrator is set, or it is the well-known one.
    """
    auth.bootstrap()


class SignIn:
    """Finds out who sent a request.

    Args:
        configuration: How this server was told to run.
        attempts: Where wrong passwords are counted.
    """

    def __init__(self, configuration: Configuration, attempts: Attempts) -> None:
        self._configuration, self._attempts = configuration, attempts
        self._tokens = Tokens(configuration.issuers)
        self._secret, self._known_lock = secrets.token_bytes(32), threading.Lock()
        self._once_right: TTLCache[bytes, bool] = TTLCache(maxsize=10_000, ttl=_KNOWN_SECONDS)

    def __call__(self, scope: Scope) -> Principal:
        """Whose request this is.

        Raises:
            RefusedError: nobody's whom we know.
        """
        headers = Headers(scope=scope)
        named = headers.getlist(self._configuration.proxy_header)
        if named and self.trusted_proxy(scope):
            return self._by_proxy(named)
        text = headers.getlist("authorization")
        special = headers.get(auth.GATEWAY_HEADER)
        if special and "/gateway/" in scope["path"]:  # there the usual header is the provider's
            text = [special]
        if len(text) != 1:
            raise RefusedError("you are not signed in" if not text else "more than one Authorization header")
        scheme, _, rest = text[0].strip().partition(" ")
        if scheme.lower() == "bearer" and "oidc" in self._configuration.ways:
            return self._known(self._tokens.principal(rest.strip()))
        return self._by_password(text[0], (scope.get("client") or (UNKNOWN,))[0])

    def trusted_proxy(self, scope: Scope) -> bool:
        """Whether the connection itself comes from a proxy that may name users."""
        address = peer(scope)
        if "proxy" not in self._configuration.ways or address is None:
            return False
        return any(address in network for network in self._configuration.proxies)

    def _by_proxy(self, named: list[str]) -> Principal:
        name = named[0].strip()
        if len(named) != 1 or not 0 < len(name) <= 255 or not name.isprintable() or "," in name:
            raise RefusedError("the proxy names no single user")
        return self._known(Principal(name, "proxy-header", False, False, None))

    def _by_password(self, header: str, address: str) -> Principal:
        authorization = Authorization.from_header(header)
        if authorization is None or authorization.type != "basic" or not authorization.username:
            raise RefusedError("you are not signed in")
        user = self._user(authorization.username, authorization.password or "", address)
        if user is None:
            raise RefusedError("user name or password is wrong")
        return Principal(user.username, "mlflow-auth", bool(user.is_admin), False, None)

    def _user(self, login: str, password: str, address: str) -> Any:
        """MLflow's user; None for a wrong password.

        Raises:
            SlowDown: there were too many of those.
        """
        text = f"{login}\0{password}".encode("utf-8", "surrogatepass")
        digest = hmac.digest(self._secret, text, hashlib.sha256)
        with self._known_lock:
            once_right = digest in self._once_right
        if not once_right and (wait := self._attempts.begin(login, address)):
            raise SlowDown(wait)
        user = auth.by_password(login, password)
        if (user is not None) == once_right:
            return user
        with self._known_lock:
            if user is None:
                self._once_right.pop(digest, None)
            else:
                self._once_right[digest] = True
        if user is not None:
            self._attempts.right(login, address)
        return user

    def _known(self, who: Principal) -> Principal:
        """The same, once MLflow has a user of that name."""
        try:
            user = auth.users().get_user(who.name)
        except MlflowException:
            try:
                user = auth.users().create_user(who.name, secrets.token_urlsafe(32))
            except MlflowException:  # another worker was first
                user = auth.users().get_user(who.name)
        if user.is_admin:
            raise RefusedError("an administrator signs in with MLflow's own password")
        return who

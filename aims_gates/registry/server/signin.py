"""One sign-in for every request, native or Flask: MLflow's own users, verified tokens, a trusted proxy's header.

MLflow's permissions stay MLflow's: its checks are told who this is by :func:`authorization`, which takes the place of
its password check (the password was checked here). People who come by token or proxy get an MLflow user of the same
name with a password that nobody knows, so that permissions can be given to them; an administrator signs in with
MLflow's own password only.
"""

# mypy: allow-untyped-calls

import ipaddress
import secrets
from collections.abc import MutableMapping
from typing import Any

from mlflow.exceptions import MlflowException
from starlette.datastructures import Headers
from werkzeug.datastructures import Authorization

from aims_gates.errors import InputError, RefusedError
from aims_gates.registry.server.configuration import Configuration
from aims_gates.registry.server.identity import ANONYMOUS, Principal, principal
from aims_gates.registry.server.internals import auth
from aims_gates.registry.server.oidc import Tokens

__all__ = ["SignIn", "authorization", "bootstrap", "take_over"]

Scope = MutableMapping[str, Any]
_HERE = f"{__name__}:authorization"


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
    found = auth.asked()
    if found not in (auth.USUAL_FUNCTION, _HERE):
        raise InputError(
            f"the authorization function {found} would not be asked",
            where="MLflow's auth configuration",
            remedy="Leave authorization_function out, and sign people in by oidc or proxy.",
        )
    auth.ask_us(_HERE)
    auth.remember(configuration.cache_seconds)


def bootstrap() -> None:
    """Make the database of users where it is missing, and its administrator, before any worker does.

    Raises:
        MlflowException: no password for a new administrator is set, or it is the well-known one.
    """
    auth.bootstrap()


class SignIn:
    """Finds out who sent a request."""

    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration
        self._tokens = Tokens(configuration.issuers)

    def __call__(self, scope: Scope) -> Principal:
        """Whose request this is.

        Raises:
            RefusedError: nobody's whom we know.
        """
        if not self._configuration.ways:
            return Principal(ANONYMOUS, "http", False, False, None)
        headers = Headers(scope=scope)
        named = headers.getlist(self._configuration.proxy_header)
        if named and self.trusted_proxy(scope):
            return self._by_proxy(named)
        said = headers.getlist("authorization")
        special = headers.get(auth.GATEWAY_HEADER)
        if special and "/gateway/" in scope["path"]:  # there the usual header is the provider's
            said = [special]
        if len(said) != 1:
            raise RefusedError("you are not signed in" if not said else "more than one Authorization header")
        scheme, _, rest = said[0].strip().partition(" ")
        if scheme.lower() == "bearer" and "oidc" in self._configuration.ways:
            return self._known(self._tokens.principal(rest.strip()))
        return self._by_password(said[0])

    def trusted_proxy(self, scope: Scope) -> bool:
        """Whether the connection itself comes from a proxy that may name users.

        The port is 0 where the server program took the address from a forwarding header instead, which anybody can
        write.
        """
        if "proxy" not in self._configuration.ways or not scope.get("client"):
            return False
        host, port = scope["client"]
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            return False
        return port != 0 and any(address in network for network in self._configuration.proxies)

    def _by_proxy(self, named: list[str]) -> Principal:
        name = named[0].strip()
        if len(named) != 1 or not 0 < len(name) <= 255 or not name.isprintable() or "," in name:
            raise RefusedError("the proxy names no single user")
        return self._known(Principal(name, "proxy-header", False, False, None))

    def _by_password(self, header: str) -> Principal:
        said = Authorization.from_header(header)
        if said is None or said.type != "basic" or not said.username:
            raise RefusedError("you are not signed in")
        user = auth.by_password(said.username, said.password or "")
        if user is None:
            raise RefusedError("user name or password is wrong")
        return Principal(user.username, "mlflow-auth", bool(user.is_admin), False, None)

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

"""Tokens of OpenID providers: verified with PyJWT against keys that the provider publishes.

The keys come by the issuer's discovery document, are kept, and are fetched again when a token names a key that is not
among them (a rotation), though not more often than every ten seconds.
"""

import json
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

import jwt

from aims_gates.errors import InputError, RefusedError
from aims_gates.mlflow_plugin.server.configuration import Issuer
from aims_gates.mlflow_plugin.store.identity import Principal

__all__ = ["Keys", "Tokens"]

_FRESH_SECONDS = 3600.0
_AGAIN_SECONDS = 10.0
_TIMEOUT = 5.0
_LARGEST = 1024**2


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Discovery stays where the operator pointed it."""

    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None


_OPENER = urllib.request.build_opener(_NoRedirects)


def _fetch(url: str) -> dict[str, Any]:
    parsed = urllib.parse.urlsplit(url)
    if parsed.scheme != "https" and parsed.hostname not in ("127.0.0.1", "localhost", "::1"):
        raise InputError("keys are fetched over https", where=url, remedy="Name the issuer by its https address.")
    try:
        with _OPENER.open(url, timeout=_TIMEOUT) as answer:
            document = json.loads(answer.read(_LARGEST))
    except (OSError, ValueError, urllib.error.URLError) as error:
        raise InputError(f"the issuer does not answer: {error}", where=url, remedy="Check its address.") from error
    if not isinstance(document, dict):
        raise InputError("not a JSON object", where=url, remedy="Check the issuer's address.")
    return document


class Keys:
    """An issuer's public keys, by id."""

    def __init__(self, issuer: str) -> None:
        self.issuer = issuer
        self._keys: dict[str | None, jwt.PyJWK] = {}
        self._fetched = self._tried = -_FRESH_SECONDS
        self._lock = threading.Lock()

    def key(self, id: str | None) -> jwt.PyJWK:
        """The key with this id.

        Raises:
            RefusedError: the issuer publishes none, or its keys cannot be had.
        """
        with self._lock:
            now = time.monotonic()
            stale = now - self._fetched > _FRESH_SECONDS or id not in self._keys
            if stale and now - self._tried > _AGAIN_SECONDS:
                self._tried = now
                self._fetch()
                self._fetched = now
            if id not in self._keys or now - self._fetched > _FRESH_SECONDS:
                raise RefusedError("the token's key is not known", where=self.issuer, remedy="Sign in again.")
            return self._keys[id]

    def _fetch(self) -> None:
        try:
            document = _fetch(f"{self.issuer.rstrip('/')}/.well-known/openid-configuration")
            if document.get("issuer") != self.issuer:
                raise InputError("the provider calls itself otherwise", where=self.issuer, remedy="Check the issuer.")
            keys = jwt.PyJWKSet.from_dict(_fetch(str(document.get("jwks_uri")))).keys
        except (InputError, jwt.PyJWTError) as error:
            raise RefusedError(f"the issuer's keys cannot be had: {error}", where=self.issuer) from error
        self._keys = {key.key_id: key for key in keys if key.public_key_use in (None, "sig")}


class Tokens:
    """The tokens that sign in here."""

    def __init__(self, issuers: tuple[Issuer, ...]) -> None:
        self._issuers = {issuer.issuer: (issuer, Keys(issuer.issuer)) for issuer in issuers}

    def principal(self, token: str) -> Principal:
        """Whose token this is.

        Raises:
            RefusedError: it is not from a configured issuer, not for us, not valid now, or lacks a claim.
        """
        try:
            iss = jwt.decode(token, options={"verify_signature": False}).get("iss")
            issuer, keys = self._issuers[str(iss)]
            # The issuer that the token names only chooses the keys; below it is verified with everything else.
            claims = jwt.decode(
                token,
                keys.key(jwt.get_unverified_header(token).get("kid")),
                algorithms=list(issuer.algorithms),
                audience=issuer.audience,
                issuer=issuer.issuer,
                leeway=issuer.leeway,
                options={"require": ["exp", "iat", "iss", "aud"]},
            )
        except KeyError as error:
            raise RefusedError("the token is from no issuer that is configured here") from error
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError) as error:
            raise RefusedError(f"the token is not valid: {error}") from error
        return _principal(issuer, claims)


def _principal(issuer: Issuer, claims: dict[str, Any]) -> Principal:
    for name, value in issuer.claims.items():
        if claims.get(name) != value:
            raise RefusedError(f"the token's claim {name!r} is not the one that is asked for")
    login = _name(claims.get(issuer.login))
    if login is None:
        raise RefusedError(f"the token names nobody in its claim {issuer.login!r}")
    human = _name(claims.get(issuer.actor)) if issuer.service and issuer.actor else None
    return Principal(login, "oidc", False, issuer.service, human)


def _name(claim: Any) -> str | None:
    """A claim as a name: text of a sane length without control characters, or nothing."""
    good = isinstance(claim, str) and 0 < len(claim.strip()) <= 255 and claim.isprintable() and claim == claim.strip()
    return claim if good else None

"""A ledger reached over HTTP: the few things that a ledger's functions ask of a database, asked of a server instead.

The server is believed in nothing that can be checked: rows come as they stand in the ledger, and whoever reads them
verifies their signatures as with a database. What one command reads is one state of the ledger: the size is asked once,
and rows after it are left out until this command itself appends. What a server leaves out cannot be seen here; that is
what ``aims-gates ledger verify --checkpoint`` is for, and nothing is decided on this side.

Credentials are MLflow's: ``MLFLOW_TRACKING_USERNAME`` and ``MLFLOW_TRACKING_PASSWORD``, or its credentials file, else
``MLFLOW_TRACKING_TOKEN``. So are TLS settings.
"""

import configparser
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from aims_gates import errors
from aims_gates.attestation.signing.envelope import Envelope
from aims_gates.errors import AimsGatesError, InputError, LedgerError, NoLedgerError, NotFoundError, RefusedError
from aims_gates.settings import chosen_workspace

__all__ = ["API", "STAGING_SECONDS", "Remote", "is_remote"]

#: Where our routes begin on an MLflow server.
API = "/api/2.0/aims"
#: How long to wait for a model's bytes to be staged on the server.
STAGING_SECONDS = 3600.0
#: Terms asked for at once, so that an address stays short.
_AT_ONCE = 40
_TRUE = {"true", "1", "t", "yes"}


def is_remote(uri: str | None) -> bool:
    """Whether this is the address of a server."""
    return uri is not None and uri.partition(":")[0].lower() in ("http", "https")


def _credentials() -> tuple[str | None, str | None]:
    """User and password as MLflow finds them: the environment, then its credentials file."""
    user, password = os.environ.get("MLFLOW_TRACKING_USERNAME"), os.environ.get("MLFLOW_TRACKING_PASSWORD")
    if user and password:
        return user, password
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read(Path("~/.mlflow/credentials").expanduser(), encoding="utf-8")
    except (configparser.Error, OSError, UnicodeDecodeError):
        return user, password
    section = parser["mlflow"] if parser.has_section("mlflow") else {}
    return user or section.get("mlflow_tracking_username"), password or section.get("mlflow_tracking_password")


class Remote:
    """A server's ledger, for the time of one command.

    Args:
        address: The server's, ``http://HOST:PORT``.
    """

    def __init__(self, address: str) -> None:
        import requests

        self.address = address.rstrip("/")
        self._session = requests.Session()
        user, password = _credentials()
        token = os.environ.get("MLFLOW_TRACKING_TOKEN")
        if user and password:
            self._session.auth = (user, password)
        elif token:
            self._session.headers["Authorization"] = f"Bearer {token}"
            self._session.trust_env = False  # a .netrc would replace the token
        if workspace := chosen_workspace():
            self._session.headers["X-MLFLOW-WORKSPACE"] = workspace
        if os.environ.get("MLFLOW_TRACKING_INSECURE_TLS", "").lower() in _TRUE:
            self._session.verify = False
        elif place := os.environ.get("MLFLOW_TRACKING_SERVER_CERT_PATH"):
            self._session.verify = place
        self._session.cert = os.environ.get("MLFLOW_TRACKING_CLIENT_CERT_PATH")
        self._size: int | None = None
        self._known: dict[str, dict[int, str]] = {}

    def close(self) -> None:
        """Let go of the connection."""
        self._session.close()

    def get(self, path: str, params: Any = None, *, timeout: float = 120.0) -> Any:
        """What a route of ours answers.

        Raises:
            AimsGatesError: the server's refusal, as what it was there; LedgerError where it cannot be reached.
        """
        return self._ask("GET", path, timeout, params=params)

    def post(self, path: str, body: Mapping[str, Any], *, timeout: float = 120.0) -> Any:
        """As :meth:`get`, for an act."""
        self._size, self._known = None, {}
        return self._ask("POST", path, timeout, json=dict(body))

    def _ask(self, method: str, path: str, timeout: float, **what: Any) -> Any:
        import requests

        place = f"{self.address}{API}{path}"
        try:
            answer = self._session.request(method, place, timeout=(10, timeout), allow_redirects=False, **what)
        except (requests.RequestException, ValueError) as error:
            remedy = (
                "Check the address and that the server runs; after a time-out look whether it was done, then retry."
            )
            raise LedgerError(f"the server cannot be reached: {error}", where=self.address, remedy=remedy) from error
        try:
            value = answer.json()
        except ValueError:
            value = None
        if answer.status_code != 200 or value is None:
            raise _refusal(answer.status_code, value, self.address)
        return value

    def head(self) -> tuple[int, bytes]:
        """The ledger's size, as of which everything is read, and its root."""
        predicate = self.get("/ledger")
        try:
            size, root = int(predicate["size"]), bytes.fromhex(predicate["root"])
        except (KeyError, TypeError, ValueError) as error:
            raise _strange(self.address) from error
        self._size = size if self._size is None else self._size
        return size, root

    def _as_of(self) -> int:
        return self.head()[0] if self._size is None else self._size

    def under(self, terms: Iterable[str]) -> Iterator[tuple[str, int, str]]:
        """Term, position and body of the rows under these index terms, in order for each term."""
        distinct = dict.fromkeys(terms)
        unknown = [term for term in distinct if term not in self._known]
        for start in range(0, len(unknown), _AT_ONCE):
            self._fetch(unknown[start : start + _AT_ONCE])
        for term in distinct:
            yield from ((term, position, body) for position, body in sorted(self._known[term].items()))

    def _fetch(self, terms: list[str]) -> None:
        bodies: dict[str, dict[int, str]] = {term: {} for term in terms}
        params = [("term", term) for term in terms]
        for row in self._pages("/ledger/rows", params):
            for term in row["terms"]:
                if term in bodies:
                    bodies[term][row["position"]] = row["body"]
        self._known |= bodies

    def _pages(self, path: str, params: list[tuple[str, str]]) -> Iterator[dict[str, Any]]:
        after = -1
        while True:
            where = [*params, ("after", str(after)), ("before", str(self._as_of()))]
            predicate = self.get(path, where)
            try:
                page = [
                    {"position": int(row["position"]), "body": str(row["body"]), "terms": list(row["terms"])}
                    for row in predicate["rows"]
                ]
                following = predicate["next"]
            except (KeyError, TypeError, ValueError) as error:
                raise _strange(self.address) from error
            yield from page
            if following is None:
                return
            if not isinstance(following, int) or following <= after:
                raise _strange(self.address)
            after = following

    def everything(self) -> Iterator[tuple[int, str]]:
        """Position and body of every row, in order."""
        for row in self._pages("/ledger/export", []):
            yield row["position"], row["body"]

    def body(self, position: int) -> str:
        """The body of a row that was read before.

        Raises:
            InputError: it was not.
        """
        row = next((rows[position] for rows in self._known.values() if position in rows), None)
        if row is None:
            raise InputError(f"row {position} was not read yet", where=self.address, remedy="Read it by its terms.")
        return row

    def inclusion(self, position: int, size: int) -> tuple[bytes, tuple[bytes, ...]]:
        """The root of the tree of the first ``size`` rows, and a row's audit path in it (RFC 6962, 2.1.1)."""
        predicate = self.get("/ledger/inclusion", {"position": position, "size": size})
        try:
            return bytes.fromhex(predicate["root"]), tuple(bytes.fromhex(text) for text in predicate["hashes"])
        except (KeyError, TypeError, ValueError) as error:
            raise _strange(self.address) from error

    def terms(self, prefix: str) -> list[str]:
        """The index terms that begin like this, of the models that the user may read."""
        return [str(term) for term in self.get("/ledger/terms", [("prefix", prefix)])["terms"]]

    def append(self, envelope: Envelope) -> tuple[int, str]:
        """Hand in a signed statement; gives its position and body."""
        reply = self.post("/statements", {"envelope": envelope.to_json()})
        try:
            return int(reply["position"]), str(reply["body"])
        except (KeyError, TypeError, ValueError) as error:
            raise _strange(self.address) from error


def _strange(address: str) -> LedgerError:
    return LedgerError(
        "the server did not answer as aims-gates does", where=address, remedy="Check the address and its version."
    )


def _refusal(status: int, value: Any, address: str) -> AimsGatesError:
    """The server's refusal as the error that it was there."""
    fields = value if isinstance(value, dict) else {}
    message = str(fields.get("aims_message") or fields.get("message") or f"HTTP {status}")
    remedy = fields.get("aims_remedy")
    if status == 401:
        remedy = "Set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN."
        return RefusedError("the server does not know who you are", where=address, remedy=remedy)
    kind = getattr(errors, str(fields.get("aims_error")), None)
    if isinstance(kind, type) and issubclass(kind, AimsGatesError):
        return kind(message, where=fields.get("aims_where") or address, remedy=remedy)
    if status == 404 and fields.get("error_code") != "RESOURCE_DOES_NOT_EXIST":
        remedy = "Start it with: aims-gates server. Or name the database: --registry aims+sqlite:///FILE"
        return NoLedgerError("this server has no routes of ours", where=address, remedy=remedy)
    if status == 404:
        return NotFoundError(message, where=address, remedy=remedy)
    if status == 403:
        return RefusedError(message, where=address, remedy=remedy)
    if 400 <= status < 500 and status != 409:
        return InputError(message, where=address, remedy=remedy)
    return LedgerError(message, where=address, remedy=remedy or "Try again in a moment.")

"""Request bodies: limits on their size and speed, and the shape of those that the registry's routes read."""

import asyncio
import time
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from aims_gates.documents.strict_yaml import MAX_BYTES, read_json
from aims_gates.errors import InputError

__all__ = ["RequestBody", "Refused", "misshapen", "wants_shape"]

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
_SLOWEST = 1024  # bytes a second, once the patience is used up
_READS = frozenset({"GET", "HEAD", "OPTIONS"})
_SHAPED = ("/mlflow/registered-models", "/mlflow/model-versions")
#: What MLflow takes one value for, and answers with a server's error for another shape.
_SINGLE = {
    *("name", "alias", "version", "new_name", "key", "value", "stage", "source", "run_id", "run_link", "model_id"),
    *("description", "archive_existing_versions", "deployment_job_id", "max_results", "page_token"),
}
_NAMES = {"name", "new_name", "alias", "version", "stage"}
_LONGEST = 256


class Refused(Exception):
    """A request that is not passed on: too large (413), too slow (408), too much to work on (422) ..."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status, self.message = status, message


class Unpacks(Protocol):
    """Turns the bytes of a packed body into what they hold
    (:class:`aims_gates.mlflow_plugin.server.unpack.Unpacker`)."""

    def feed(self, data: bytes) -> bytes:
        """What further packed bytes hold."""

    def end(self) -> None:
        """The packed bytes are over."""


@dataclass
class RequestBody:
    """A request's body, received with limits.

    Attributes:
        receive: The connection.
        most: Largest size in bytes.
        patience: Seconds that a body may take; more for one that brings a kibibyte in each further second.
        broken: Why no more of it is read.
        over: Whether its end was received.
    """

    receive: Receive
    most: int
    patience: float
    broken: Refused | None = None
    size: int = 0
    _begun: float = 0.0
    over: bool = False
    _again: list[Message] = field(default_factory=list)

    async def __call__(self) -> Message:
        if self._again:
            return self._again.pop(0)
        if self.over:
            return await self.receive()  # the wait for the client to hang up
        self._begun = self._begun or time.monotonic()
        left = self.patience + self.size / _SLOWEST - (time.monotonic() - self._begun)
        try:
            message = await asyncio.wait_for(self.receive(), max(left, 0.01))
        except TimeoutError:
            self.broken = Refused(408, "the body did not come in time")
            raise self.broken from None
        self.size += len(message.get("body", b""))
        if self.size > self.most:
            self.broken = Refused(413, f"the body is larger than {self.most} bytes")
            raise self.broken
        self.over = not message.get("more_body", False)
        return message

    async def whole(self, unpacker: Unpacks | None = None) -> bytes:
        """All of it, unpacked, which stays to be received again.

        Raises:
            Refused: it is too large, too slow, or packed wrongly; or the client hung up amid it.
        """
        parts: list[bytes] = []
        try:
            while not self.over:
                message = await self()
                if message["type"] != "http.request":
                    raise Refused(400, "the connection was closed before the end of the body")
                data = message.get("body", b"")
                parts.append(unpacker.feed(data) if unpacker else data)
            if unpacker:
                unpacker.end()
        except Refused as error:
            self.broken = error
            raise
        whole = b"".join(parts)
        self._again = [{"type": "http.request", "body": whole, "more_body": False}]
        return whole


def wants_shape(method: str, path: str) -> bool:
    """Whether a request writes to the registry, with a body that MLflow reads as JSON whatever its type says."""
    return method not in _READS and any(part in path for part in _SHAPED)


def misshapen(data: bytes, most: int = MAX_BYTES) -> str | None:
    """Why a registry's route cannot mean this body; None where it can, or is empty. ``most`` is its size in bytes."""
    if not data.strip():
        return None
    try:
        value = read_json(data, "body", most).value
    except InputError as error:
        return error.message
    if not isinstance(value, dict):
        return "the body must be a JSON object"
    wrong = sorted(name for name in _SINGLE & value.keys() if isinstance(value[name], dict | list))
    if wrong:
        return f"{wrong[0]} must be one value"
    long = sorted(name for name in _NAMES & value.keys() if len(str(value[name])) > _LONGEST)  # PostgreSQL's columns
    if long:
        return f"{long[0]} is longer than {_LONGEST} characters"
    null = sorted(name for name in _SINGLE & value.keys() if "\x00" in str(value[name]))  # PostgreSQL's text has none
    return f"{null[0]} holds a NUL character" if null else None

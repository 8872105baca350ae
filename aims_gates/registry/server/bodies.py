"""Request bodies: limits on their size and speed, and the shape of those that the registry's routes read."""

import asyncio
import time
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any

from aims_gates.errors import InputError
from aims_gates.strict_yaml import read_json

__all__ = ["Body", "TooMuch", "misshapen", "wants_shape"]

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


class TooMuch(Exception):
    """A body over its limit (413), or one that keeps the server waiting (408)."""

    def __init__(self, status: int, said: str) -> None:
        super().__init__(said)
        self.status, self.said = status, said


@dataclass
class Body:
    """A request's body, received with limits.

    Attributes:
        receive: The connection.
        most: Largest size in bytes.
        patience: Seconds that a body may take; more for one that brings a kibibyte in each further second.
        broken: Why no more of it is read.
    """

    receive: Receive
    most: int
    patience: float
    broken: TooMuch | None = None
    size: int = 0
    _begun: float = 0.0
    _over: bool = False
    _again: list[Message] = field(default_factory=list)

    async def __call__(self) -> Message:
        if self._again:
            return self._again.pop(0)
        if self._over:
            return await self.receive()  # the wait for the client to hang up
        self._begun = self._begun or time.monotonic()
        left = self.patience + self.size / _SLOWEST - (time.monotonic() - self._begun)
        try:
            message = await asyncio.wait_for(self.receive(), max(left, 0.01))
        except TimeoutError:
            self.broken = TooMuch(408, "the body did not come in time")
            raise self.broken from None
        self.size += len(message.get("body", b""))
        if self.size > self.most:
            self.broken = TooMuch(413, f"the body is larger than {self.most} bytes")
            raise self.broken
        self._over = not message.get("more_body", False)
        return message

    async def whole(self) -> bytes:
        """All of it, which stays to be received again.

        Raises:
            TooMuch: it is too large or too slow.
        """
        kept: list[Message] = []
        while not self._over:
            kept.append(await self())
        self._again = kept
        return b"".join(message.get("body", b"") for message in kept)


def wants_shape(method: str, path: str) -> bool:
    """Whether a request writes to the registry, with a body that MLflow reads as JSON whatever its type says."""
    return method not in _READS and any(part in path for part in _SHAPED)


def misshapen(data: bytes) -> str | None:
    """Why a registry's route cannot mean this body; None where it can, or is empty."""
    if not data.strip():
        return None
    try:
        value = read_json(data, "body").value
    except InputError as error:
        return error.message
    if not isinstance(value, dict):
        return "the body must be a JSON object"
    wrong = sorted(name for name in _SINGLE & value.keys() if isinstance(value[name], dict | list))
    if wrong:
        return f"{wrong[0]} must be one value"
    null = sorted(name for name in _SINGLE & value.keys() if "\x00" in str(value[name]))  # PostgreSQL's text has none
    return f"{null[0]} holds a NUL character" if null else None

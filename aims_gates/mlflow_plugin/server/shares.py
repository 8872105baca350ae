"""A share of a worker for each caller: whoever sends much waits for themselves, and others do not wait for them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aims_gates.mlflow_plugin.server.bodies import Refused

__all__ = ["Shares"]

#: Requests of one caller at a time: a browser sends six. Files that come and go take no thread for long.
WORKING, STREAMING = 8, 32
#: Requests of one caller that may wait; and seconds that one may.
WAITING, PATIENCE = 256, 30.0
#: Requests of all callers that work at a time; sign-in and health need none.
EVERYBODY = 80


@dataclass
class _Share:
    free: asyncio.Semaphore
    users: int = 0


@dataclass
class Shares:
    """Who is being served by this worker."""

    _shares: dict[tuple[str, bool], _Share] = field(default_factory=dict)
    _all: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(EVERYBODY))

    @asynccontextmanager
    async def take(self, caller: str, *, streams: bool) -> AsyncIterator[None]:
        """Wait for one's turn.

        Raises:
            Refused: 429, it does not come in time, or too many of this caller's requests wait already.
        """
        key = (caller, streams)
        share = self._shares.setdefault(key, _Share(asyncio.Semaphore(STREAMING if streams else WORKING)))
        if share.users >= WAITING:
            raise Refused(429, f"{WAITING} of your requests are waiting already; send fewer at a time")
        share.users += 1
        try:
            async with _turn(share.free):
                if streams:
                    yield
                else:
                    async with _turn(self._all):
                        yield
        finally:
            share.users -= 1
            if not share.users:
                self._shares.pop(key, None)


@asynccontextmanager
async def _turn(free: asyncio.Semaphore) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(PATIENCE):
            await free.acquire()
    except TimeoutError:
        raise Refused(429, f"your turn did not come within {PATIENCE:g} seconds; try again later") from None
    try:
        yield
    finally:
        free.release()

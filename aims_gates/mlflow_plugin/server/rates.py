"""How often one address may use what nobody signs in for."""

import threading
import time
from collections.abc import Callable

from cachetools import TTLCache

from aims_gates.mlflow_plugin.server.routes import RouteGroup

__all__ = ["Rates"]

_MINUTE = 60.0
_MOST_ADDRESSES = 10_000


class Rates:
    """Counts requests of the last minute, in this worker, for so many addresses at most.

    Args:
        clock: Seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._lock = clock, threading.Lock()
        self._counts: TTLCache[tuple[str, str], list[int]] = TTLCache(_MOST_ADDRESSES, _MINUTE, clock)

    def admit(self, group: RouteGroup, address: str) -> bool:
        """Count a request; False where it is one too many."""
        if group.per_minute is None:
            return True
        with self._lock:
            count = self._counts.get((group.id, address))
            if count is None:
                count = self._counts[group.id, address] = [0]
            count[0] += 1
            return count[0] <= group.per_minute

"""Wrong passwords slow down whoever sends them: for one login, from one address, and for both together.

All workers of a server count in one file, which holds digests and numbers only. Each attempt is counted before the
password is looked at, so that many at once gain nothing, and given back where it was right. Nobody is locked out: a
refusal says after how many seconds the next attempt is looked at, a minute at most, and attempts that were refused
count for nothing.
"""

import hashlib
import ipaddress
import os
import sqlite3
import stat
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from aims_gates.errors import AimsGatesError
from aims_gates.mlflow_plugin.server.client_address import UNKNOWN

__all__ = ["Attempts", "shared_file"]

#: A quarter of an hour without a wrong password, and all is forgotten.
_FORGET = 900.0
_MOST_ROWS = 50_000
_TABLE = (
    "CREATE TABLE IF NOT EXISTS attempts (key BLOB PRIMARY KEY, wrong INTEGER, until REAL, last REAL) WITHOUT ROWID"
)


@dataclass(frozen=True)
class _Rule:
    """How many wrong passwords go unpunished, and the longest wait in seconds; each one more doubles the wait."""

    free: int
    longest: float

    def wait(self, wrong: int) -> float:
        """Seconds until the next attempt."""
        return 0.0 if wrong <= self.free else min(self.longest, 2.0 ** min(wrong - self.free - 1, 16))


_PAIR = _Rule(10, 60.0)
_ADDRESS = _Rule(30, 60.0)
#: Many addresses that try one login: its owner may be at a new one and must get a turn.
_LOGIN = _Rule(100, 5.0)


def shared_file(server: int) -> Path:
    """Where the workers of one server on this machine count; nobody else may read or write there.

    Args:
        server: The id of the process that started them.

    Raises:
        AimsGatesError: the folder for it is somebody else's.
    """
    folder = Path(tempfile.gettempdir()) / f"aims-gates-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    state = folder.lstat()
    if not stat.S_ISDIR(state.st_mode) or state.st_uid != os.getuid() or state.st_mode & 0o077:
        raise AimsGatesError(
            "not a folder of this account alone", where=str(folder), remedy="Remove it, or set TMPDIR."
        )
    return folder / f"attempts-{server}.db"


class Attempts:
    """Counts wrong passwords, in this worker and those beside it.

    Args:
        place: The file in which they count.
        clock: Seconds, the same in all processes of the machine.
    """

    def __init__(self, place: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._lock, self._turns = clock, threading.Lock(), 0
        self._file = sqlite3.connect(place, timeout=5, check_same_thread=False, isolation_level=None)
        for line in ("PRAGMA journal_mode=WAL", "PRAGMA synchronous=OFF", _TABLE):
            self._file.execute(line)

    def begin(self, login: str, address: str) -> float:
        """Count an attempt, before the password is looked at.

        Returns:
            Seconds to wait, where it is not to be looked at now and was not counted; else 0.

        Raises:
            AimsGatesError: the count cannot be kept.
        """
        return self._change(login, address, self._count)

    def right(self, login: str, address: str) -> None:
        """Give an attempt back whose password was right."""
        self._change(login, address, self._forgive)

    def _change(self, login: str, address: str, change: Callable[[dict[bytes, _Rule], float], float]) -> float:
        with self._lock:
            try:
                self._file.execute("BEGIN IMMEDIATE")
                try:
                    wait = change(_keys(login, address), self._clock())
                finally:
                    self._file.execute("COMMIT")
            except sqlite3.Error as error:
                raise AimsGatesError(f"wrong passwords cannot be counted: {error}") from error
        return wait

    def _count(self, keys: dict[bytes, _Rule], now: float) -> float:
        marks = ",".join("?" * len(keys))
        rows = self._file.execute(f"SELECT key, wrong, until, last FROM attempts WHERE key IN ({marks})", [*keys])
        past = {key: (wrong, until) for key, wrong, until, last in rows if 0 <= now - last < _FORGET}
        wait = max((until - now for _, until in past.values()), default=0.0)
        if wait > 0:
            return wait
        counted = [(key, past.get(key, (0, 0.0))[0] + 1, rule) for key, rule in keys.items()]
        self._file.executemany(
            "INSERT OR REPLACE INTO attempts VALUES (?, ?, ?, ?)",
            [(key, wrong, now + rule.wait(wrong), now) for key, wrong, rule in counted],
        )
        self._bound()
        return 0.0

    def _forgive(self, keys: dict[bytes, _Rule], now: float) -> float:
        """The pair begins anew; address and login only get back what this attempt cost them."""
        for key, rule in keys.items():
            less = "0" if rule is _PAIR else "max(wrong - 1, 0)"
            self._file.execute(f"UPDATE attempts SET wrong = {less}, until = 0, last = ? WHERE key = ?", (now, key))
        return 0.0

    def _bound(self) -> None:
        self._turns += 1
        if self._turns % 256 == 0:
            self._file.execute(
                "DELETE FROM attempts WHERE key IN (SELECT key FROM attempts ORDER BY last DESC LIMIT -1 OFFSET ?)",
                (_MOST_ROWS,),
            )


def _keys(login: str, address: str) -> dict[bytes, _Rule]:
    """Under which keys an attempt counts; clients whose addresses nobody knows do not pay for each other."""
    network = _network(address)
    keys = {_key("pair", login, network): _PAIR, _key("login", login): _LOGIN}
    return keys if address == UNKNOWN else {**keys, _key("address", network): _ADDRESS}


def _key(*parts: str) -> bytes:
    text = "\0".join(part.encode("utf-8", "surrogatepass").hex() for part in parts)
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


def _network(address: str) -> str:
    """An IPv6 client has a whole network to send from."""
    return str(ipaddress.ip_network(f"{address}/64", strict=False)) if ":" in address else address

"""The server's checkpoints: held against the ledger before it starts, and written while it runs."""

import logging
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from aims_gates.errors import AimsGatesError, InputError
from aims_gates.ledger.checkpoint_folder import hold, keep
from aims_gates.mlflow_plugin.api.attesting import maybe_key, server_key
from aims_gates.mlflow_plugin.store.base import StoreBase

__all__ = ["Keeper", "keep_checkpoints"]

_log = logging.getLogger(__name__)
#: How often a worker looks whether a checkpoint is due, at most.
_LOOK = timedelta(seconds=30)


def keep_checkpoints(store: StoreBase, folder: Path | None, every: timedelta) -> "Keeper | None":
    """Hold the ledger against the checkpoints in the folder, and begin to write more; nothing without a folder.

    Raises:
        IntegrityError: the ledger does not hold against one of them: it must not be served.
        InputError: there is no such folder, or the server has no key.
    """
    if folder is None:
        return None
    if not folder.is_dir():
        remedy = "Make it, where who owns the database cannot write, and let the server's account write there."
        raise InputError("there is no such folder for checkpoints", where=str(folder), remedy=remedy)
    if maybe_key() is None:
        remedy = "Start the server with --server-key FILE (AIMS_GATES_KEY)."
        raise InputError("checkpoints are signed, and this server has no key", where=str(folder), remedy=remedy)
    with store.primary() as session:
        hold(session.connection(), folder)
    keeper = Keeper(store, folder, every)
    keeper.start()
    return keeper


class Keeper(threading.Thread):
    """Writes a checkpoint when one is due; of several workers the first that looks does.

    What keeps it from that is logged as an error each time, and stops nothing else: a missing checkpoint is seen in the
    folder, and a ledger that is not the one of the last checkpoint is refused when the server starts next.
    """

    def __init__(self, store: StoreBase, folder: Path, every: timedelta) -> None:
        super().__init__(name="aims-gates-checkpoints", daemon=True)
        self._store, self._folder, self._every = store, folder, every
        self._done = threading.Event()

    def run(self) -> None:
        """Look until the process ends, or :meth:`stop`."""
        while not self._done.wait(min(self._every, _LOOK).total_seconds()):
            self.look()

    def stop(self) -> None:
        """Look no more."""
        self._done.set()

    def look(self) -> Path | None:
        """Write a checkpoint if one is due."""
        try:
            with self._store.primary() as session:
                return keep(session.connection(), self._folder, server_key(), datetime.now(UTC), self._every)
        except (AimsGatesError, SQLAlchemyError) as error:
            _log.error("aims-gates: no checkpoint was written: %s", error)
            return None

"""One transaction around MLflow's own methods.

A stock registry store opens a session for each of its methods and commits it. :class:`Sessions`
replaces its ``ManagedSessionMaker``: inside ``with sessions.transaction():`` every session that a
method asks for is the transaction's own, which neither commits nor closes before the block ends.
Outside it behaves as stock.

A method that rolls back on its own (``create_model_version`` does when two writers took the same
number) must not lose what came before it, above all the lock. So each inner session is a
SAVEPOINT, and its rollback ends there. This relies on the lock being the first statement: under
SQLite's driver a SAVEPOINT outside a transaction would commit when it is released.

PostgreSQL may end a transaction for another's sake (serialization failure, deadlock). Nothing of it was seen outside
then, so a whole method that lost is done again, a bounded number of times (:func:`again`).
"""

import functools
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Concatenate, ParamSpec, TypeVar

import sqlalchemy
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INTERNAL_ERROR, PERMISSION_DENIED, RESOURCE_CONFLICT
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.orm import Session, SessionTransaction

from aims_gates.errors import AimsGatesError
from aims_gates.mlflow_plugin.internals.store import open_stock

__all__ = [
    "LOCK_TIMEOUT_MS",
    "TRIES",
    "JoinedSession",
    "Sessions",
    "Transaction",
    "again",
    "conflict",
    "guarded",
    "is_conflict",
]

#: How long a writer waits for the lock, in milliseconds: MLflow's own figure.
LOCK_TIMEOUT_MS = 20_000
#: PostgreSQL: serialization failure, deadlock, lock not available.
_CONFLICTS = frozenset({"40001", "40P01", "55P03"})
#: Those after which a whole method is done again, and how often it is tried.
_LOST = frozenset({"40001", "40P01"})
TRIES = 4

Factory = Callable[..., AbstractContextManager[Session]]
P = ParamSpec("P")
R = TypeVar("R")
S = TypeVar("S")


def _sqlstate(error: BaseException | None) -> str | None:
    original = getattr(error, "orig", None)
    return getattr(original, "sqlstate", None) or getattr(original, "pgcode", None)


def is_conflict(error: BaseException) -> bool:
    """Whether a database refused because somebody else was writing."""
    if not isinstance(error, DBAPIError):
        return False
    if _sqlstate(error) in _CONFLICTS:
        return True
    text = str(error.orig)
    return "database is locked" in text or "database table is locked" in text or "database is busy" in text


def conflict(error: BaseException) -> MlflowException:
    """The answer to a lost race: HTTP 409, which MLflow's client does not retry by itself."""
    return MlflowException(
        "The registry is busy: another change was being written. Nothing was changed; try again in a moment.",
        RESOURCE_CONFLICT,
        aims_cause=type(error).__name__,
    )


def guarded(error: BaseException) -> MlflowException | None:
    """The answer where one of the database's own guards refused (:mod:`aims_gates.database.guards`): HTTP 403."""
    text = str(getattr(error, "orig", None) or "")
    if "aims-gates: " not in text:
        return None
    message = "aims-gates: " + text.partition("aims-gates: ")[2].splitlines()[0]
    entry = {"id": "registry", "title": message, "state": "failed", "next": []}
    return MlflowException(message, PERMISSION_DENIED, aims_decision=None, aims_controls=[entry])


def _lost(error: BaseException) -> bool:
    """Whether PostgreSQL ended a transaction for another's sake; MLflow wraps the error."""
    cause: BaseException | None = error
    while cause is not None:
        if _sqlstate(cause) in _LOST:
            return True
        cause = cause.__cause__
    return False


def again(method: Callable[Concatenate[S, P], R]) -> Callable[Concatenate[S, P], R]:
    """A store's method that is done again where its transaction lost against another and nothing of it was seen.

    Inside another transaction it is not: that one is lost as a whole.
    """

    def tried(self: S, /, *args: P.args, **kwargs: P.kwargs) -> R:
        sessions: Sessions = self.ManagedSessionMaker  # type: ignore[attr-defined]
        for left in reversed(range(TRIES)):
            try:
                return method(self, *args, **kwargs)
            except MlflowException as error:
                if not left or sessions.current is not None or not _lost(error):
                    raise
                time.sleep(random.uniform(0.01, 0.05) * (TRIES - left))
        raise AssertionError("the last try returns or raises")

    functools.update_wrapper(tried, method)
    return tried


class JoinedSession(Session):
    """The transaction's session, as MLflow's methods see it: rolling back ends at their SAVEPOINT."""

    savepoint: SessionTransaction | None = None

    def rollback(self) -> None:
        """Undo the inner method's work and stand ready for its next attempt."""
        if self.savepoint is None:
            super().rollback()
            return
        self.savepoint.rollback()
        self.savepoint = self.begin_nested()

    def commit(self) -> None:
        """Write out the inner method's work; the transaction commits when its block ends."""
        if self.savepoint is None:
            super().commit()
        else:
            self.flush()


@contextmanager
def _as_stock() -> Iterator[None]:
    """Errors that are neither MLflow's, the database's nor ours are what MLflow's own sessions make of them."""
    try:
        yield
    except (MlflowException, SQLAlchemyError, AimsGatesError):
        raise
    except Exception as error:
        raise MlflowException(str(error), INTERNAL_ERROR) from error


@contextmanager
def _borrowed(session: Session) -> Iterator[Session]:
    with _as_stock():
        yield session


class Transaction:
    """A transaction that begins, and locks, with its first use.

    Late on purpose: MLflow asks the tracking store about a version's source before it opens a
    session, and nobody should hold the lock while a network answers.
    """

    def __init__(
        self, engine: sqlalchemy.Engine, lock: Callable[[sqlalchemy.Connection], None], timeout_ms: int
    ) -> None:
        self._engine = engine
        self._lock = lock
        self._timeout_ms = timeout_ms
        self._session: JoinedSession | None = None

    @property
    def session(self) -> JoinedSession:
        """The session, begun and locked."""
        if self._session is None:
            session = JoinedSession(bind=self._engine)
            self._session = session
            if self._engine.dialect.name == "sqlite":
                connection = session.connection()
                connection.exec_driver_sql("PRAGMA foreign_keys = ON")
                connection.exec_driver_sql(f"PRAGMA busy_timeout = {int(self._timeout_ms)}")
                connection.exec_driver_sql("PRAGMA case_sensitive_like = true")
            else:
                connection = session.connection(execution_options={"isolation_level": "READ COMMITTED"})
                connection.exec_driver_sql(f"SET LOCAL lock_timeout = {int(self._timeout_ms)}")
            self._lock(connection)
        return self._session

    @property
    def connection(self) -> sqlalchemy.Connection:
        """The connection under the session, with what was added so far written out."""
        self.session.flush()
        return self.session.connection()

    @contextmanager
    def joined(self) -> Iterator[JoinedSession]:
        """The session for one inner method, inside its own SAVEPOINT.

        Raises:
            MlflowException: INTERNAL_ERROR for an error that is neither MLflow's, the database's nor ours, as MLflow's
                own sessions do; those pass through.
        """
        session = self.session
        outer = session.savepoint
        if outer is not None and not outer.is_active:
            # The method that called this one caught a failed flush: undo its work, keep ours.
            session.rollback()
            outer = session.savepoint
        session.savepoint = session.begin_nested()
        try:
            with _as_stock():
                yield session
                session.savepoint.commit()
        except BaseException:
            session.savepoint.rollback()
            raise
        finally:
            session.savepoint = outer

    def end(self, *, commit: bool) -> None:
        """Commit or roll back, and give the connection back."""
        session, self._session = self._session, None
        if session is None:
            return
        session.savepoint = None
        with session:
            if commit:
                session.commit()
            else:
                session.rollback()


class Sessions:
    """A store's ``ManagedSessionMaker`` that can join a surrounding transaction.

    Args:
        stock: MLflow's own maker, used outside a transaction.
        engine: The primary database.
        lock: Takes the registry's lock; the first statement of every transaction.
        timeout_ms: How long to wait for it.
    """

    def __init__(
        self,
        stock: Factory,
        engine: sqlalchemy.Engine,
        lock: Callable[[sqlalchemy.Connection], None],
        timeout_ms: int = LOCK_TIMEOUT_MS,
    ) -> None:
        self.timeout_ms = timeout_ms
        self._stock = open_stock(stock)
        self._engine = engine
        self._lock = lock
        self._local = threading.local()

    @property
    def current(self) -> Transaction | None:
        """The transaction this thread is in."""
        return getattr(self._local, "transaction", None)

    def __call__(self, read_only: bool = True, **rest: Any) -> AbstractContextManager[Session]:
        """A managed session: the surrounding transaction's, or a stock one."""
        current = self.current
        if current is not None:
            return current.joined()
        lent = getattr(self._local, "lent", None)
        return _borrowed(lent) if lent is not None and read_only else self._stock(read_only=read_only, **rest)

    @contextmanager
    def lent(self, session: Session) -> Iterator[None]:
        """In the block, MLflow's methods read in this session: what they find and what is compared is of one moment."""
        self._local.lent = session
        try:
            yield
        finally:
            self._local.lent = None

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """One transaction around everything in the block. Re-entrant: an inner one is the outer one.

        Raises:
            MlflowException: RESOURCE_CONFLICT (HTTP 409) where the database was locked. Anything
                else passes through, and nothing is written.
        """
        current = self.current
        if current is not None:
            yield current
            return
        opened = Transaction(self._engine, self._lock, self.timeout_ms)
        self._local.transaction = opened
        try:
            yield opened
            opened.end(commit=True)
        except SQLAlchemyError as error:
            opened.end(commit=False)
            if is_conflict(error):
                raise conflict(error) from error
            refused = guarded(error)
            if refused is not None:
                raise refused from error
            raise
        except BaseException:
            opened.end(commit=False)
            raise
        finally:
            self._local.transaction = None

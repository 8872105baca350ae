"""Who sent the request that is being served.

The middleware (:mod:`aims_gates.mlflow_plugin.server.middleware`) authenticates every request once and leaves the
answer
here, in a context variable: native routes, Flask routes and store methods below them read the same one. What a client
writes (tags, ``mlflow.user``, headers that no trusted proxy set) is never asked.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Literal

__all__ = ["ANONYMOUS", "Principal", "Via", "acting_as", "principal"]

Via = Literal["mlflow-auth", "oidc", "proxy-header", "http"]

#: The name of everybody who came over HTTP without authentication.
ANONYMOUS = "anonymous over HTTP"


@dataclass(frozen=True)
class Principal:
    """An authenticated caller.

    Attributes:
        name: The login.
        via: How it is known; ``http`` is nobody, on a server that was told to run without authentication.
        admin: Whether MLflow knows this login as an administrator.
        service: True for a service account, which is no person.
        on_behalf_of: The human who caused a service's act, from a claim of its verified token; else None.
    """

    name: str
    via: Via
    admin: bool
    service: bool
    on_behalf_of: str | None

    @property
    def human(self) -> str | None:
        """The person whose act this is; None for nobody, and for a service that names nobody."""
        if self.via == "http":
            return None
        return self.on_behalf_of if self.service else self.name


_CURRENT: ContextVar[Principal | None] = ContextVar("aims_gates_principal", default=None)


def principal() -> Principal | None:
    """The caller of the request that is being served; None outside one."""
    return _CURRENT.get()


@contextmanager
def acting_as(who: Principal | None) -> Iterator[None]:
    """Serve what is in the block as this caller's request."""
    token = _CURRENT.set(who)
    try:
        yield
    finally:
        _CURRENT.reset(token)

"""Who is acting, as far as this process can know.

Inside a request it is the user that MLflow's authentication established; without authentication
nobody is named. Embedded, it is the operating system's user, which is cooperative and no proof.
Tags, ``mlflow.user`` and anything else that a client may write are never asked.
"""

import getpass
from dataclasses import dataclass

from aims_gates.attestation.statements.registry import NOBODY
from aims_gates.mlflow_plugin.store.identity import ANONYMOUS, principal

__all__ = ["ANONYMOUS", "Actor", "actor"]


@dataclass(frozen=True)
class Actor:
    """Who acted, and how that is known.

    Attributes:
        name: The user's name.
        via: ``mlflow-auth``, ``oidc``, ``proxy-header``, ``http`` or ``embedded``; ``nobody`` for a service that names
            no human for whom it acts.
    """

    name: str
    via: str


def actor() -> Actor:
    """The actor of the call that is being served; of a service's act the human it names."""
    who = principal()
    if who is not None:
        if who.via == "http":
            return Actor(ANONYMOUS, "http")
        return Actor(who.human, who.via) if who.human else Actor(who.name, NOBODY)
    try:
        from flask import g, has_request_context
    except ImportError:
        return Actor(_os_user(), "embedded")
    if not has_request_context():
        return Actor(_os_user(), "embedded")
    name = getattr(g, "mlflow_authenticated_user", None)
    return Actor(str(name), "mlflow-auth") if name else Actor(ANONYMOUS, "http")


def _os_user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "unknown"

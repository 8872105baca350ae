"""Who is acting, as far as this process can know.

Inside a request it is the user that MLflow's authentication established; without authentication
nobody is named. Embedded, it is the operating system's user, which is cooperative and no proof.
Tags, ``mlflow.user`` and anything else that a client may write are never asked.
"""

import getpass
from dataclasses import dataclass

__all__ = ["ANONYMOUS", "Actor", "actor"]

#: The name of everybody who came over HTTP without authentication.
ANONYMOUS = "anonymous over HTTP"


@dataclass(frozen=True)
class Actor:
    """Who acted, and how that is known.

    Attributes:
        name: The user's name.
        via: ``mlflow-auth``, ``http`` or ``embedded``.
    """

    name: str
    via: str


def actor() -> Actor:
    """The actor of the call that is being served."""
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

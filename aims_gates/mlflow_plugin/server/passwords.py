"""A wrong password takes as long for a login that nobody has as for one that somebody has."""

# mypy: allow-untyped-calls

import functools
import secrets
from typing import Any

from werkzeug.security import check_password_hash, generate_password_hash

__all__ = ["take_equal_time"]


def take_equal_time(users: Any) -> None:
    """Let MLflow's store of users hash the password also where there is no user to compare it with.

    Both ways look the login up twice and hash once, the longest step by far.

    Args:
        users: MLflow's store of users.
    """
    stock, nobody = users.authenticate_user, generate_password_hash(secrets.token_urlsafe(32))

    @functools.wraps(stock)
    def authenticate_user(username: str, password: str, *args: Any, **kwargs: Any) -> bool:
        if stock(username, password, *args, **kwargs):
            return True
        if not users.has_user(username):
            check_password_hash(nobody, password)
        return False

    users.authenticate_user = authenticate_user

"""Accounts: who may make one under a login that the trust list names, and who sees whose.

MLflow lets whoever administers one workspace make users and choose their passwords. What the server says for a login
counts as the word of the person whom the trust list gives it, in every workspace, so a listed login that nobody has
signed in with yet must not be theirs to take. It also lists all logins to whoever may create in a workspace, and a
login is half of what it takes to sign in.
"""

# mypy: allow-untyped-calls

import functools
from collections.abc import Callable
from typing import Any

from aims_gates.attestation.trust_list import alike
from aims_gates.documents.spelling import check_new_name
from aims_gates.errors import InputError
from aims_gates.ledger import history
from aims_gates.mlflow_plugin.store.identity import principal
from aims_gates.mlflow_plugin.store.refusals import answering, invalid, refusal

__all__ = ["guard_accounts", "guard_listings", "shown"]


def guard_accounts(store: Any, users: Any) -> None:
    """Guard the making of users in this process.

    Args:
        store: The gated registry store.
        users: MLflow's store of users.
    """
    from aims_gates.mlflow_plugin.internals.server.auth import replace_create_user

    def over(stock: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(stock)
        def create_user(username: str, *args: Any, **kwargs: Any) -> Any:
            with answering("making a user", gated=True):
                _refuse_odd(store, username)
            who = principal()  # nobody's request: the server itself, for a person who came by token or proxy
            if who is not None and not who.admin:
                with answering(f"making the user {username}", gated=True):
                    _refuse_listed(store, username)
            return stock(username, *args, **kwargs)

        return create_user

    replace_create_user(users, over)


def guard_listings(users: Any) -> None:
    """Let MLflow's listing of users hold those alone that are shown to who is asking.

    Args:
        users: MLflow's store of users.
    """
    stock = users.list_users_with_roles

    @functools.wraps(stock)
    def list_users_with_roles(*args: Any, **kwargs: Any) -> Any:
        return [(user, roles) for user, roles in stock(*args, **kwargs) if shown(user.username)]

    users.list_users_with_roles = list_users_with_roles


def shown(login: str) -> bool:
    """Whether a listing shows this login to who is asking: an administrator sees all, everybody else themselves."""
    who = principal()
    return who is not None and (who.admin or who.name == login)


def _refuse_odd(store: Any, login: str) -> None:
    """Refuse a login that nobody could tell from one on the trust list, or see as it is."""
    with store.primary() as session:
        trust = history(session.connection()).current()
    listed = {entry.login for entry in (trust.users if trust else ())}
    try:
        if login not in listed:
            check_new_name(login, "login", listed)
    except InputError as error:
        raise invalid(error) from error


def _refuse_listed(store: Any, login: str) -> None:
    with store.primary() as session:
        trust = history(session.connection()).current()
    if any(alike(entry.login) == alike(login) for entry in (trust.users if trust else ())):
        raise refusal(
            f"the trust list names the login {login!r}: only an administrator makes its account.",
            title="a login on the trust list",
            id="accounts",
            next=["ask an administrator of this server"],
        )

"""Accounts on MLflow's own users: a login that the trust list names is nobody's to make but an administrator's."""

from types import SimpleNamespace

import pytest
from mlflow.exceptions import MlflowException

from aims_gates.mlflow_plugin.server.accounts import guard_accounts
from aims_gates.mlflow_plugin.store.identity import acting_as

from .inside import PEOPLE, Inside
from .inside import inside as inside
from .inside import users_database as users_database


def test_a_listed_login_is_made_by_an_administrator_or_the_server_alone(inside: Inside) -> None:
    made: list[str] = []
    users = SimpleNamespace(create_user=lambda name, password, is_admin=False: made.append(name))
    guard_accounts(inside.world.store, users)
    for login in ("rita", "Rita", "audrey"):
        with acting_as(PEOPLE["nobody"]), pytest.raises(MlflowException, match="only an administrator") as raised:
            users.create_user(login, "a password of somebody's choice")
        assert raised.value.get_http_status_code() == 403
    with acting_as(PEOPLE["nobody"]):
        users.create_user("newcomer", "a password of somebody's choice")
    for who in (PEOPLE["root"], None):
        with acting_as(who):
            users.create_user("rita", password="a password of somebody's choice")
    assert made == ["newcomer", "rita", "rita"]


def test_no_account_is_made_where_the_trust_list_cannot_be_read(inside: Inside) -> None:
    made: list[str] = []
    users = SimpleNamespace(create_user=lambda name, password: made.append(name))
    guard_accounts(inside.world.store, users)
    inside.world.sql("UPDATE aims_ledger SET body = '{}' WHERE position = 0")
    with acting_as(PEOPLE["nobody"]), pytest.raises(MlflowException) as raised:
        users.create_user("newcomer", "a password of somebody's choice")
    assert raised.value.get_http_status_code() == 403 and made == []

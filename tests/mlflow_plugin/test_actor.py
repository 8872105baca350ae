"""Who acts is what authentication says, and never what a client writes."""

import getpass

import pytest
from flask import Flask, g

from aims_gates.mlflow_plugin.store.actor import ANONYMOUS, actor
from aims_gates.mlflow_plugin.store.identity import Principal, acting_as


def test_embedded_it_is_the_user_of_the_operating_system() -> None:
    assert (actor().name, actor().via) == (getpass.getuser(), "embedded")


def test_a_user_without_a_name_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> str:
        raise KeyError("uid")

    monkeypatch.setattr(getpass, "getuser", nobody)
    assert actor().name == "unknown"


def test_in_a_request_without_authentication_nobody_is_named_whatever_the_header_says() -> None:
    with Flask("x").test_request_context(headers={"Authorization": "Basic YWRtaW46eA=="}):
        assert (actor().name, actor().via) == (ANONYMOUS, "http")


def test_in_an_authenticated_request_it_is_the_user_mlflow_established() -> None:
    with Flask("x").test_request_context():
        g.mlflow_authenticated_user = "ada"
        assert (actor().name, actor().via) == ("ada", "mlflow-auth")


@pytest.mark.parametrize(
    ("who", "said"),
    [
        (Principal("ada", "mlflow-auth", False, False, None), ("ada", "mlflow-auth")),
        (Principal("ada", "proxy-header", False, False, None), ("ada", "proxy-header")),
        (Principal("build", "oidc", False, True, "ada"), ("ada", "oidc")),
        (Principal("build", "oidc", False, True, None), ("build", "nobody")),
        (Principal(ANONYMOUS, "http", False, False, None), (ANONYMOUS, "http")),
    ],
)
def test_on_our_server_it_is_the_human_behind_the_request(who: Principal, said: tuple[str, str]) -> None:
    with Flask("x").test_request_context():
        g.mlflow_authenticated_user = "somebody else"
        with acting_as(who):
            assert (actor().name, actor().via) == said

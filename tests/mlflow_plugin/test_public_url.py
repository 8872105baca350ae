"""The address under which browsers know a server: which there are, and what follows from one."""

import pytest

from aims_gates.errors import InputError
from aims_gates.mlflow_plugin.internals.public_url import PUBLIC_URL, PublicUrl, known_to_mlflow, public_url

HOSTS, ORIGINS = "MLFLOW_SERVER_ALLOWED_HOSTS", "MLFLOW_SERVER_CORS_ALLOWED_ORIGINS"


def known(text: str) -> PublicUrl:
    url = public_url(text)
    assert url is not None
    return url


@pytest.mark.parametrize(
    ("text", "origin", "hosts", "relying_party"),
    [
        ("https://mlflow.example.org", "https://mlflow.example.org", "mlflow.example.org", "mlflow.example.org"),
        ("HTTPS://MLflow.Example.org:443/", "https://mlflow.example.org", "mlflow.example.org", "mlflow.example.org"),
        ("https://m-1.example:8443", "https://m-1.example:8443", "m-1.example:8443", "m-1.example"),
        ("http://mlflow.example.org", "http://mlflow.example.org", "mlflow.example.org", None),
        ("http://mlflow.example.org:443", "http://mlflow.example.org:443", "mlflow.example.org:443", None),
        ("http://localhost:5000", "http://localhost:5000", "localhost:5000", "localhost"),
        ("https://10.0.0.7", "https://10.0.0.7", "10.0.0.7", None),
    ],
)
def test_an_address_is_spelled_as_browsers_send_it(
    text: str, origin: str, hosts: str, relying_party: str | None
) -> None:
    url = known(text)
    assert (url.origin, url.hosts[0], url.relying_party) == (origin, hosts, relying_party)


@pytest.mark.parametrize(
    "text",
    [
        "mlflow.example.org", "ftp://mlflow.example.org", "https://", "https://*", "https://*.example.org",
        "https://mlflow.example.org/path", "https://mlflow.example.org?x", "https://mlflow.example.org#x",
        "https://user@mlflow.example.org", "https://mlflow.example.org:0", "https://mlflow.example.org:65536",
        "https://mlflow.example.org:", "https://bücher.example", "https://a,b", "https://a b", "https://a\n.example",
        "https://mlflow.example.org.", "https://10.0.0", "https://10.0.0.256", "https://a.example\n",
        "null", "*",
    ],
)  # fmt: skip
def test_what_no_browser_would_send_is_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="is no address of a server") as caught:
        public_url(text, where="--public-url")
    assert caught.value.where == "--public-url" and "https://NAME" in str(caught.value.remedy)
    monkeypatch.setenv(PUBLIC_URL, text)
    with pytest.raises(InputError) as caught:
        public_url()
    assert caught.value.where == PUBLIC_URL


def test_without_one_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(PUBLIC_URL, raising=False)
    assert public_url() is None and public_url("") is None


def test_mlflow_takes_this_machine_and_the_name_for_its_own_and_nothing_else() -> None:
    from mlflow.server.security_utils import is_allowed_host_header, should_block_cors_request

    lists = known_to_mlflow(known("https://mlflow.example.org"), {})
    hosts, origins = lists[HOSTS].split(","), lists[ORIGINS].split(",")
    for host in ("mlflow.example.org", "mlflow.example.org:443", "localhost:5000", "127.0.0.1", "[::1]", "[::1]:5000"):
        assert is_allowed_host_header(hosts, host), host
    for host in ("example.org", "mlflow.example.org:80", "10.evil.example", "localhost.evil.example", "a.localhost"):
        assert not is_allowed_host_header(hosts, host), host
    assert origins == ["https://mlflow.example.org"]
    assert not should_block_cors_request("https://mlflow.example.org", "POST", origins)
    assert should_block_cors_request("http://mlflow.example.org", "POST", origins)


def test_what_the_operator_names_stays_and_saying_it_twice_changes_nothing() -> None:
    url, told = known("https://a.example"), {HOSTS: "b.example, c.example", ORIGINS: "https://b.example"}
    lists = known_to_mlflow(url, told)
    assert lists == {
        HOSTS: "b.example,c.example,a.example,a.example:443",
        ORIGINS: "https://b.example,https://a.example",
    }
    assert known_to_mlflow(url, lists) == lists


def test_the_page_of_a_version_is_mlflows(monkeypatch: pytest.MonkeyPatch) -> None:
    url = known("https://a.example")
    assert url.version_page("a/b c", "3") == "https://a.example/#/models/a%2Fb%20c/versions/3"
    assert url.version_page("greet", "3", prompt=True) == "https://a.example/#/prompts/greet"
    monkeypatch.setenv("_MLFLOW_STATIC_PREFIX", "/ml/")
    page = url.version_page("loans", "1", workspace="bank & co")
    assert page == "https://a.example/ml/#/models/loans/versions/1?workspace=bank%20%26%20co"

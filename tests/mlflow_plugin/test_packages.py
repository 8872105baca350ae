"""The packages that a model asks for are looked up by pip-audit itself, in a small OSV on this machine."""

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

import pytest

from aims_gates import Advisory, Artifacts, Case, Finding, InputError, Packages
from aims_gates.documents.canonical import digest_bytes
from aims_gates.evaluation.run_gate import run_gate
from aims_gates.mlflow_plugin.client import packages
from aims_gates.mlflow_plugin.client.file_scan import look_through
from aims_gates.mlflow_plugin.client.packages import look_up, service_of
from aims_gates.model import Subject
from aims_gates.packs.find import find_gates
from tests.mlflow_plugin.osv import Osv, served

SUBJECT = digest_bytes(b"model")
URLLIB = Advisory("urllib3", "1.24.1", ("CVE-2019-11324", "GHSA-mh33-7rrq-662w"), ("1.24.2",))


@pytest.fixture
def osv(monkeypatch: pytest.MonkeyPatch) -> Iterator[Osv]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with served() as service:
        yield service


def looked_up(folder: Path, osv: Osv, text: str, seconds: float = 60) -> Packages:
    (folder / "requirements.txt").write_text(text)
    service = service_of(osv.address)
    assert service is not None
    return look_up(folder, ["requirements.txt"], service, seconds)


def judged(result: Packages | None, **params: Any) -> dict[str, list[Finding]]:
    gate = find_gates()["security"]
    case = Case(
        "security", gate.params(params), {}, {}, datetime(2026, 1, 1, tzinfo=UTC), Subject("model", SUBJECT),
        {"system": {"facts": {"generative": False}}}, artifacts=Artifacts(SUBJECT, "scanner", 1, packages=result),
    )  # fmt: skip
    findings: dict[str, list[Finding]] = {}
    for finding in run_gate(gate, case):
        findings.setdefault(finding.measure, []).append(finding)
    return findings


def outcomes(result: Packages | None, **params: Any) -> dict[str, list[str | None]]:
    return {
        measure: [finding.outcome for finding in findings]
        for measure, findings in judged(result, **params).items()
        if measure in ("known_bad_packages", "unknown_packages", "error")
    }


def test_bad_malicious_and_clean_packages_are_told_apart(tmp_path: Path, osv: Osv) -> None:
    result = looked_up(tmp_path, osv, "urllib3==1.24.1\nsklearn-fast==0.1\noldtool==3\nnumpy==1.26.4+local\n")
    assert result.failed is None and result.unknown == {} and result.scanner.startswith("pip-audit 2.")
    assert result.service == f"{osv.address}/v1/query"
    assert result.looked_up == ("urllib3==1.24.1", "sklearn-fast==0.1", "oldtool==3", "numpy==1.26.4")
    assert result.advisories == (
        URLLIB,
        Advisory("sklearn-fast", "0.1", ("CVE-2024-99999", "MAL-2024-1234")),
        Advisory("oldtool", "3", ("PYSEC-2025-7",)),
    )
    total, malicious, *others = judged(result)["known_bad_packages"]
    assert (total.value, total.n, total.outcome) == (3, 4, "fail") and osv.address in str(total.note)
    assert malicious.by == {"package": "sklearn-fast==0.1"} and "MAL-2024-1234" in str(malicious.note)
    assert "the package is malicious" in str(malicious.note) and "attacks whoever installs it" in str(malicious.remedy)
    assert [finding.by for finding in others] == [{"package": "urllib3==1.24.1"}, {"package": "oldtool==3"}]
    assert "fixed in 1.24.2" in str(others[0].note) and "Move urllib3" in str(others[0].remedy)
    assert "no version fixes it" in str(others[1].note) and "do without it" in str(others[1].remedy)


def test_a_clean_model_passes(tmp_path: Path, osv: Osv) -> None:
    result = looked_up(tmp_path, osv, "numpy==1.26.4\nurllib3==2.0\n")
    assert result.advisories == () and osv.queries == ["jinja2==2.4.1", "numpy==1.26.4", "urllib3==2.0"]
    assert outcomes(result, require_package_scan=True) == {"known_bad_packages": ["pass"], "unknown_packages": ["pass"]}


def test_the_package_that_is_always_asked_about_may_be_the_model_s_own(tmp_path: Path, osv: Osv) -> None:
    own = looked_up(tmp_path, osv, "jinja2==3.1\njinja2==2.7\n")
    assert own.looked_up == ("jinja2==3.1", "jinja2==2.7") and [bad.version for bad in own.advisories] == ["2.7"]
    assert [bad.version for bad in looked_up(tmp_path, osv, "jinja2==2.4.1\n").advisories] == ["2.4.1"]


def test_reviewed_advisories_are_accepted_by_any_of_their_ids(tmp_path: Path) -> None:
    result = Packages("s", "osv", datetime.now(UTC), ("f",), ("urllib3==1.24.1",), (URLLIB,))
    for name in URLLIB.ids:
        assert outcomes(result, accepted_advisories=[name])["known_bad_packages"] == ["pass"]
        assert f"accepted: {name}" in str(judged(result, accepted_advisories=[name])["known_bad_packages"][0].note)
    assert outcomes(result, accepted_advisories=["CVE-1"])["known_bad_packages"] == ["fail", "fail"]


def test_a_malicious_package_is_accepted_by_its_own_id_alone() -> None:
    attack = Advisory("a", "1", ("CVE-2024-1", "MAL-2024-1"))
    result = Packages("s", "osv", datetime.now(UTC), ("f",), ("a==1",), (attack,))
    assert outcomes(result, accepted_advisories=["CVE-2024-1"])["known_bad_packages"] == ["fail", "fail"]
    assert outcomes(result, accepted_advisories=["MAL-2024-1"])["known_bad_packages"] == ["pass"]


def test_what_cannot_be_looked_up_is_inconclusive_where_it_is_required(tmp_path: Path, osv: Osv) -> None:
    result = looked_up(tmp_path, osv, "numpy\ngit+https://example.org/a.git\nscipy==1.0\n")
    assert result.looked_up == ("scipy==1.0",)
    told = {"known_bad_packages": ["pass"], "unknown_packages": [None] * 3}
    assert outcomes(result) == told
    assert outcomes(result, require_package_scan=True) == {**told, "unknown_packages": ["inconclusive"] * 3}
    rows = judged(result)["unknown_packages"]
    assert rows[1].by == {"requirement": "numpy"} and "no single version" in str(rows[1].note)


def test_a_model_that_does_not_say_what_it_needs_is_inconclusive(tmp_path: Path) -> None:
    result = look_up(tmp_path, [], "pypi")
    assert outcomes(result) == {"known_bad_packages": ["pass"], "unknown_packages": [None]}
    assert outcomes(result, require_package_scan=True)["unknown_packages"] == ["inconclusive"]


def test_a_file_that_cannot_be_read_is_an_error_unless_it_was_accepted(tmp_path: Path, osv: Osv) -> None:
    result = looked_up(tmp_path, osv, "a==1\n" * 2_000_000)
    assert osv.queries == [] and list(result.unread) == ["requirements.txt"]
    assert outcomes(result)["unknown_packages"] == ["error", None]
    assert outcomes(result, accepted_files=["requirements.txt"])["unknown_packages"] == [None]


def test_not_looked_up_is_an_error_where_it_is_required_alone() -> None:
    assert outcomes(None) == {"known_bad_packages": [None]}
    finding = judged(None, require_package_scan=True)["known_bad_packages"][0]
    assert finding.outcome == "error" and "--advisories" in str(finding.remedy)


def refused(result: Packages, words: str) -> None:
    assert words in str(result.failed) and result.looked_up == () and result.advisories == ()
    for required in (False, True):
        assert outcomes(result, require_package_scan=required) == {"known_bad_packages": ["error"]}


def test_a_service_that_is_down_is_an_error(tmp_path: Path) -> None:
    with served() as gone:
        pass
    refused(looked_up(tmp_path, gone, "numpy==1.26.4\n"), "Connection refused")


@pytest.mark.parametrize("status", [404, 429, 500, 503])
def test_a_service_that_refuses_is_an_error(tmp_path: Path, osv: Osv, status: int) -> None:
    osv.status = status
    refused(looked_up(tmp_path, osv, "numpy==1.26.4\n"), "pip-audit could not ask the service")


@pytest.mark.parametrize(
    "answer",
    [
        b"<html>", b"", b'{"vulns": [{}]}', b'{"next_page_token": "a"}', b'{"vulns": [{"id": "A-1"}]}',
        b'{"vulns": [{"id": "A-1", "schema_version": "2.0.0", "affected": []}]}', b'{"vulns": {"a": 1}}',
    ],
)  # fmt: skip
def test_garbage_is_an_error(tmp_path: Path, osv: Osv, answer: bytes) -> None:
    osv.answer = answer
    refused(looked_up(tmp_path, osv, "numpy==1.26.4\n"), "pip-audit could not ask the service")


def test_a_service_that_knows_nothing_of_anything_is_not_believed(tmp_path: Path, osv: Osv) -> None:
    osv.advisories.clear()
    refused(looked_up(tmp_path, osv, "urllib3==1.24.1\n"), "the service knows nothing of jinja2==2.4.1")


def test_a_service_that_does_not_answer_in_time_is_an_error(tmp_path: Path, osv: Osv) -> None:
    osv.waits = threading.Event()
    start = time.monotonic()
    refused(looked_up(tmp_path, osv, "numpy==1.26.4\n", seconds=3), "too long")
    assert time.monotonic() - start < 20


def test_without_the_scanner_it_is_an_error(tmp_path: Path, osv: Osv, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(packages, "version", missing)
    refused(looked_up(tmp_path, osv, "numpy==1.26.4\n"), "aims-gates[gates]")


HOSTILE = """
--index-url http://evil.example
-r other
-e .
--output=/tmp/elsewhere
--ignore-vuln GHSA-mh33-7rrq-662w
--vulnerability-service=pypi
$(touch x)==1
numpy==1.26.4; python_version < "2"
urllib3==1.24.1 --hash=sha256:00
"""


def test_nothing_that_a_model_writes_reaches_the_scanner_but_names_and_versions(
    tmp_path: Path, osv: Osv, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PIP_AUDIT_OSV_URL", "PIP_AUDIT_OUTPUT", "PIP_AUDIT_FORMAT", "PIP_INDEX_URL", "PYTHONPATH"):
        monkeypatch.setenv(name, str(tmp_path))
    asked: list[str] = []
    run = packages._run

    def noted(job: Any, file: Path, *rest: Any) -> int:
        asked.append(file.read_text())
        return run(job, file, *rest)

    monkeypatch.setattr(packages, "_run", noted)
    result = looked_up(tmp_path, osv, HOSTILE)
    assert asked == ["jinja2==2.4.1\nnumpy==1.26.4\nurllib3==1.24.1\n"]
    assert result.failed is None and [bad.package for bad in result.advisories] == ["urllib3"]
    assert len(result.unknown) == 6 and list(result.unread) == ["other"]
    assert [path.name for path in tmp_path.iterdir()] == ["requirements.txt"]


ONE = '{"name": "a", "version": "1", "vulns": []}'


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ("{", 0, "not JSON"),
        ('{"fixes": []}', 0, "dependencies"),
        ('{"dependencies": []}', 0, "did not speak of a==1"),
        (f'{{"dependencies": [{ONE}, {ONE}]}}', 0, "not asked about"),
        ('{"dependencies": [{"name": "b", "version": "1", "vulns": []}]}', 0, "not asked about"),
        ('{"dependencies": [{"name": "a", "version": "2", "vulns": []}]}', 0, "not asked about"),
        ('{"dependencies": [{"name": "a", "version": "1"}]}', 0, "not asked about"),
        ('{"dependencies": [{"name": "a", "version": "1", "vulns": [{"id": ""}]}]}', 1, "vulns"),
        (f'{{"dependencies": [{ONE}]}}', 1, "exit code"),
        (f'{{"dependencies": [{ONE}]}}', 2, "could not ask"),
    ],
)
def test_an_answer_must_be_about_what_was_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, code: int, words: str
) -> None:
    def answered(job: Any, asked: Path, answer: Path, log: Path) -> int:
        answer.write_text(text)
        log.write_text("")
        return code

    monkeypatch.setattr(packages, "_run", answered)
    with pytest.raises(InputError, match=words):
        list(packages._scan(packages._Audit("pypi", tmp_path, 0), {"a": "a==1"}))


def test_a_package_that_pypi_does_not_have_is_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def answered(job: Any, asked: Path, answer: Path, log: Path) -> int:
        rows = ['{"name": "b", "skip_reason": "no"}']
        rows += ['{"name": "jinja2", "version": "2.4.1", "vulns": [{"id": "A", "fix_versions": [], "aliases": []}]}']
        answer.write_text(f'{{"dependencies": [{", ".join(rows)}]}}')
        log.write_text("")
        return 1

    monkeypatch.setattr(packages, "_run", answered)
    (tmp_path / "requirements.txt").write_text("b==1\n")
    result = look_up(tmp_path, ["requirements.txt"], "pypi")
    assert result.unknown == {"b==1": "the service does not have it"} and result.looked_up == ()


@pytest.mark.parametrize(
    ("text", "service"),
    [
        (None, None),
        ("off", None),
        ("pypi", "pypi"),
        ("osv", "https://api.osv.dev/v1/query"),
        ("https://osv.example/copy/", "https://osv.example/copy/v1/query"),
        ("https://osv.example/v1/query", "https://osv.example/v1/query"),
        ("http://localhost:80", "http://localhost:80/v1/query"),
        ("http://[::1]:80", "http://[::1]:80/v1/query"),
    ],
)
def test_a_service_is_a_name_or_an_address(text: str | None, service: str | None) -> None:
    assert service_of(text) == service


@pytest.mark.parametrize(
    "text",
    [
        "", "OSV", "nvd", "http://osv.example", "https://me:secret@osv.example", "https://me@osv.example", "https://",
        "https://osv.example/?a=1", "https://osv.example/#a", "file:///etc/passwd", "https://osv.example:port",
        "https://osv.example/\n", "https://osv example", "--output=x", "https://ösv.example", "https://[::1",
    ],
)  # fmt: skip
def test_nothing_else_is_a_service(text: str) -> None:
    with pytest.raises(InputError, match="advisories"):
        service_of(text)


def test_they_are_looked_up_with_the_files_where_a_service_is_named(tmp_path: Path, osv: Osv) -> None:
    (tmp_path / "requirements.txt").write_text("urllib3==1.24.1\n")
    assert look_through(tmp_path, SUBJECT).packages is None and osv.queries == []
    result = look_through(tmp_path, SUBJECT, service_of(osv.address)).packages
    assert result is not None and result.advisories == (URLLIB,)

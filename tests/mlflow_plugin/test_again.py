"""A model is not run again where its predictions were signed before, of the same bytes, rows, code and packages.

Whatever differs, was altered, forged or taken back has it run again.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from aims_gates.attestation.statements.evidence import Predictions
from aims_gates.decision.in_force import StatementView
from aims_gates.documents.canonical import digest_bytes, folder_digest
from aims_gates.evaluation.on_record import FACT as ORIGIN
from aims_gates.ledger.connect import open_ledger
from aims_gates.ledger.registry_acts import about
from aims_gates.mlflow_plugin.client import again, check_predictions
from aims_gates.mlflow_plugin.client.isolation import Isolation
from aims_gates.mlflow_plugin.client.targets import find_target
from aims_gates.mlflow_plugin.store.subjects import local_folder
from aims_gates.model import Evidence

#: Models run again and again in processes of their own.
pytestmark = pytest.mark.long

VERSION = ["check", "--model", "loans", "--version", "2"]
AGAIN = "The model was not run again"


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Where the model on trial ran."""
    folders: list[Path] = []
    original = check_predictions.predict_table

    def noted(folder: Path, *arguments: Any, **options: Any) -> Any:
        if folder.name == "model":
            folders.append(folder)
        return original(folder, *arguments, **options)

    monkeypatch.setattr(check_predictions, "predict_table", noted)
    return folders


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(again.CACHE, str(tmp_path / "answers"))
    return tmp_path / "answers"


def notes(shop: Any, *words: str) -> str:
    return " ".join(shop.said(*VERSION, *words)["notes"])


def test_a_second_check_takes_the_predictions_that_the_first_one_signed(
    shop: Any, cache: Path, ran: list[Path]
) -> None:
    first = shop.said(*VERSION, *shop.sign("ci"))
    assert len(ran) == 1 and AGAIN not in " ".join(first["notes"])
    second = shop.said(*VERSION, *shop.sign("ci"))
    assert len(ran) == 1 and AGAIN in " ".join(second["notes"])
    assert AGAIN in notes(shop, "--preview") and len(ran) == 1

    def states(said: Any) -> Any:
        return [(control["id"], control["state"]) for control in said["controls"]]

    assert states(first) == states(second)


def test_nothing_is_kept_of_the_rows_and_nobody_else_may_read_it(shop: Any, cache: Path) -> None:
    shop.said(*VERSION, *shop.sign("ci"))
    (kept,) = cache.iterdir()
    assert cache.stat().st_mode & 0o077 == 0 and kept.stat().st_mode & 0o077 == 0
    header = json.loads(kept.read_bytes()[8 : 8 + int.from_bytes(kept.read_bytes()[:8], "little")])
    assert [name for name, *_ in header["parts"]["features"]] == ["prediction", "score"]


def test_who_wants_it_run_has_it_run(shop: Any, cache: Path, ran: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    shop.said(*VERSION, *shop.sign("ci"))
    monkeypatch.setenv(again.CACHE, "off")
    assert AGAIN not in notes(shop, "--preview") and len(ran) == 2


def test_what_was_altered_where_it_is_kept_has_the_model_run(shop: Any, cache: Path, ran: list[Path]) -> None:
    shop.said(*VERSION, *shop.sign("ci"))
    (kept,) = cache.iterdir()
    data = bytearray(kept.read_bytes())
    data[-3] ^= 1
    kept.write_bytes(data)
    assert AGAIN not in notes(shop, "--preview") and len(ran) == 2


def test_a_statement_that_was_revoked_has_the_model_run(shop: Any, cache: Path, ran: list[Path]) -> None:
    shop.said(*VERSION, *shop.sign("ci"))
    view, subject = looked(shop)
    for row in view.predictions(subject):
        assert shop.run("revoke", row.digest, "--reason", "a doubt", *shop.sign("ci")) == 0
    assert AGAIN not in notes(shop, "--preview") and len(ran) == 2


def test_another_package_has_the_model_run(
    shop: Any, cache: Path, ran: list[Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    shop.said(*VERSION, *shop.sign("ci"))
    (tmp_path / "more" / "another-1.0.dist-info").mkdir(parents=True)
    monkeypatch.syspath_prepend(str(tmp_path / "more"))
    assert AGAIN not in notes(shop, "--preview") and len(ran) == 2


def looked(shop: Any) -> tuple[StatementView, str]:
    with local_folder(find_target(None, "loans", "2").address) as folder:
        subject = folder_digest(folder)
    with open_ledger(shop.settings.registry) as connection:
        return StatementView(about(connection, "default", "loans", subject), "default", "loans"), subject


@dataclass
class Asked:
    """What :func:`again.signed_before` is asked with, all of it as it was signed."""

    view: StatementView
    subject: str
    evaluation: Path
    out: Path
    key: str
    now: datetime
    isolation: Isolation
    cache: Path

    def table(self) -> Any:
        return again.signed_before(
            self.view, self.subject, self.evaluation, self.out, self.key, self.now, self.isolation
        )

    def of(self, change: Callable[[Any], Any]) -> StatementView:
        """The same ledger with the rows of predictions changed."""
        rows = [change(row) if isinstance(row.predicate, Predictions) else row for row in self.view._every]
        return StatementView(rows, "default", "loans")


@pytest.fixture
def asked(shop: Any, cache: Path, tmp_path: Path) -> Asked:
    shop.said(*VERSION, "--isolation", "none", *shop.sign("ci"))
    view, subject = looked(shop)
    *earlier, last = view.predictions(subject)
    view = StatementView([row for row in view._every if row not in earlier], "default", "loans")
    signed = last.predicate
    evaluation = shop.folder / "data" / "evaluation.csv"
    now, out = datetime.now(UTC), tmp_path / "table.parquet"
    return Asked(view, subject, evaluation, out, signed.facts[again.FACT], now, Isolation("none"), cache)


def other_rows(asked: Asked) -> None:
    text = asked.evaluation.read_text().splitlines()
    asked.evaluation.write_text("\n".join([*text[:-1], text[1]]) + "\n")


def swapped(asked: Asked) -> None:
    """The answer of another model under this one's name."""
    (kept,) = asked.cache.iterdir()
    kept.write_bytes(kept.read_bytes().replace(b'"1"', b'"0"')[:-8] + b"\0" * 8)


ALTERED: dict[str, Callable[[Asked], Any]] = {
    "another model": lambda asked: setattr(asked, "subject", digest_bytes(b"another")),
    "another key": lambda asked: setattr(asked, "key", digest_bytes(b"another")),
    "no key": lambda asked: setattr(asked, "key", ""),
    "other rows": other_rows,
    "the answer of another": swapped,
    "half an answer": lambda asked: [path.write_bytes(path.read_bytes()[:100]) for path in asked.cache.iterdir()],
    "no answer": lambda asked: [path.unlink() for path in asked.cache.iterdir()],
    "an age of a month": lambda asked: setattr(asked, "now", asked.now + timedelta(days=31)),
    "a clock before the ledger": lambda asked: setattr(asked, "now", asked.now - timedelta(days=1)),
    "weaker isolation than now": lambda asked: setattr(asked, "isolation", Isolation("bwrap")),
    "no such statement": lambda asked: setattr(asked, "view", StatementView([], "default", "loans")),
    "a key that nobody trusts": lambda asked: setattr(
        asked, "view", asked.of(lambda row: replace(row, signers=("00" * 32,)))
    ),
    "nobody's signature": lambda asked: setattr(asked, "view", asked.of(lambda row: replace(row, signers=()))),
}


@pytest.mark.parametrize("alter", ALTERED.values(), ids=ALTERED)
def test_what_differs_is_no_reason_to_leave_the_model_alone(alter: Callable[[Asked], Any], asked: Asked) -> None:
    found = asked.table()
    assert found is not None and found[0].output == found[1].predicate.output
    alter(asked)
    assert asked.table() is None


def test_a_package_that_is_installed_in_place_tells_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert again.made_with("1", ()) == again.made_with("1", ()) != again.made_with("0", ()) != ""
    assert again.made_with("1", ()) != again.made_with("1", ("answer",))
    place = tmp_path / "theirs-1.0.dist-info"
    place.mkdir()
    monkeypatch.syspath_prepend(str(tmp_path))
    for text in ('{"url": "file:///theirs", "dir_info": {"editable": true}}', "{", '{"dir_info": []}'):
        (place / "direct_url.json").write_text(text)
        assert again.made_with("1", ()) == ""
    (place / "direct_url.json").write_text('{"url": "https://example.org/theirs.whl"}')
    assert again.made_with("1", ()) != ""


READ = "Not computed again"


def test_a_second_check_reads_findings_that_still_hold_and_signs_nothing_anew(
    shop: Any, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setenv(again.CACHE, "off")
        first = shop.said(*VERSION, *shop.sign("ci"))
    before = computed_rows(shop)
    second = shop.said(*VERSION, *shop.sign("ci"))
    assert READ not in " ".join(first["notes"]) and f"{READ}: performance." in " ".join(second["notes"])
    assert computed_rows(shop) == before != []

    def findings(said: Any) -> Any:
        return [(run["gate"], run["outcome"], run["findings"]) for run in said["gates"] if run["gate"] == "performance"]

    assert findings(first) == findings(second) != []


def computed_rows(shop: Any) -> list[str]:
    """The statements of evidence that name what they are computed from."""
    view, _ = looked(shop)
    return [row.digest for row in view._every if isinstance(row.predicate, Evidence) and ORIGIN in row.predicate.facts]


def test_findings_are_computed_where_their_evidence_was_revoked_or_a_package_is_another(
    shop: Any, cache: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    shop.said(*VERSION, *shop.sign("ci"))
    assert READ in notes(shop, "--preview")
    (tmp_path / "more" / "another-1.0.dist-info").mkdir(parents=True)
    with monkeypatch.context() as patch:
        patch.syspath_prepend(str(tmp_path / "more"))
        assert READ not in notes(shop, "--preview")
    assert READ in notes(shop, "--preview")
    for digest in computed_rows(shop):
        assert shop.run("revoke", digest, "--reason", "a doubt", *shop.sign("ci")) == 0
    assert READ not in notes(shop, "--preview")


def test_findings_are_computed_where_the_data_are_others(shop: Any, cache: Path) -> None:
    shop.said(*VERSION, *shop.sign("ci"))
    evaluation = shop.folder / "data" / "evaluation.csv"
    text = evaluation.read_text().splitlines()
    evaluation.write_text("\n".join([*text[:-1], text[1]]) + "\n")
    assert READ not in notes(shop, "--preview")

"""What keeps a check from being made or signed is told at once, before any model runs."""

import os
import pty
import re
import select
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from aims_gates.cli import main
from aims_gates.errors import AimsGatesError, InputError, IntegrityError, RefusedError
from aims_gates.mlflow_plugin.client import predict
from aims_gates.mlflow_plugin.client.check import CheckContext, check_target
from aims_gates.mlflow_plugin.client.systems import system_of
from aims_gates.mlflow_plugin.client.targets import find_target


@pytest.fixture
def no_model_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model's process that is started fails the test."""

    def started(*_: Any, **__: Any) -> None:
        raise AssertionError("a model was started")

    monkeypatch.setattr(predict.ModelProcess, "ask", started)


def edit(place: Path, old: str, new: str) -> None:
    text = place.read_text()
    assert old in text
    place.write_text(text.replace(old, new))


def records(shop: Any) -> Path:
    return Path(shop.folder) / "records" / "systems" / "loans"


def problem_of(shop: Any, key: str | None = "ci", version: str = "2", **changes: Any) -> AimsGatesError:
    context = CheckContext(shop.settings, shop.key(key) if key else None, **changes)
    with pytest.raises(AimsGatesError) as error:
        check_target(context, system_of(shop.settings, None, "loans"), find_target(None, "loans", version))
    return error.value


@pytest.mark.usefixtures("no_model_runs")
def test_five_faults_are_told_in_one_run_in_file_order_and_no_model_runs(shop: Any) -> None:
    folder = records(shop)
    edit(folder / "system.yaml", "target: y", "target: outcome")
    edit(folder / "requirements.yaml", "2026-01-05", "2126-01-05")
    edit(folder / "card.yaml", "license:", "purpose: Decide who is called by the sales team on a Monday.\nlicense:")
    error = problem_of(shop, "dev")
    assert type(error) is InputError
    parts = (
        "nothing is signed: 5 problems, 2 in the records that this plan reads, and no model ran",
        "the system differs from the one that 'loans' is bound to",
        "there is no column 'outcome' in the evaluation data",
        "decided_on: 2126-01-05 lies in the future",
        "purpose: differs from",
        "does not have the role ci",
    )
    places = [str(error).find(part) for part in parts]
    assert -1 not in places and places == sorted(places), str(error)
    assert error.remedy is not None and error.remedy.endswith("--preview.")


@pytest.mark.usefixtures("no_model_runs")
def test_a_file_that_is_not_there_is_told_with_the_rest_and_stops_a_preview_too(shop: Any) -> None:
    (shop.folder / "data" / "evaluation.csv").unlink()
    edit(records(shop) / "system.yaml", "roles: {target: y}", "roles: {target: y}\nperturbations: {noise: 0.1}")
    for key in ("ci", None):
        error = problem_of(shop, key)
        assert "there is no such file" in str(error) and "the system differs from the one" in str(error)


@pytest.mark.usefixtures("no_model_runs")
@pytest.mark.parametrize(
    ("key", "kind", "told"), [("dev", RefusedError, "role ci"), (None, IntegrityError, "is not on")]
)
def test_a_key_that_does_not_count_is_told_before_the_model_runs(
    shop: Any, key: str | None, kind: type[AimsGatesError], told: str, tmp_path: Path
) -> None:
    from aims_gates.attestation.signing.keys import new_key, read_private

    new_key(tmp_path / "stranger.key")
    signer = shop.key(key) if key else read_private(tmp_path / "stranger.key")
    with pytest.raises(kind, match=told):
        check_target(
            CheckContext(shop.settings, signer),
            system_of(shop.settings, None, "loans"),
            find_target(None, "loans", "2"),
        )


@pytest.mark.usefixtures("no_model_runs")
def test_several_problems_have_the_exit_code_of_the_worst(shop: Any, tmp_path: Path) -> None:
    from aims_gates.attestation.signing.keys import new_key

    edit(records(shop) / "requirements.yaml", "2026-01-05", "2126-01-05")
    new_key(tmp_path / "stranger.key")
    command = ("check", "--model", "loans", "--version", "2", "--key", str(tmp_path / "stranger.key"))
    assert shop.run(*command) == 5


@pytest.mark.usefixtures("no_model_runs")
def test_a_version_that_nobody_registered_is_told_beside_what_stops_the_check(shop: Any) -> None:
    edit(records(shop) / "requirements.yaml", "2026-01-05", "2126-01-05")
    target = replace(find_target(None, "loans", "2"), version="77")
    with pytest.raises(InputError, match="no record of who registered loans version 77"):
        check_target(CheckContext(shop.settings, shop.key("ci")), system_of(shop.settings, None, "loans"), target)


@pytest.mark.usefixtures("no_model_runs")
def test_what_makes_no_plan_is_told_whole_and_beside_the_rest(shop: Any) -> None:
    gates = "gates: {nothing: {a: 1}, performance: {confidence: 0.5, strange: 1}}"
    edit(records(shop) / "system.yaml", "roles: {target: y}", f"roles: {{target: y}}\n{gates}")
    (shop.folder / "data" / "evaluation.csv").unlink()
    text = str(problem_of(shop))
    for part in ("no gate 'nothing'", "only a profile may set this", "has no parameter 'strange'", "no such file"):
        assert part in text, text


@pytest.mark.usefixtures("no_model_runs")
@pytest.mark.parametrize("nothing_filled_in", ["templates"], indirect=True)
def test_of_very_many_problems_the_first_are_told_and_all_where_all_are_asked_for(nothing_filled_in: Any) -> None:
    short, whole = str(problem_of(nothing_filled_in)), str(problem_of(nothing_filled_in, whole=True))
    assert len(short.splitlines()) <= 8 and "of them placeholders (aims-gates records fill)" in short
    assert len(re.findall(r"\n +x ", whole)) > 300 and "aims-gates check --all" not in whole


def on_a_terminal(command: list[str], columns: int, folder: Path) -> list[str]:
    """The lines that a command leaves on a terminal so many columns wide; what a spinner wipes away is none."""
    import fcntl
    import struct
    import termios

    parent, child = pty.openpty()
    fcntl.ioctl(child, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    environment = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "NO_COLOR")}
    with subprocess.Popen(command, stdout=child, stderr=child, cwd=folder, env=environment | {"TERM": "xterm"}):
        os.close(child)
        printed = b""
        while select.select([parent], [], [], 300)[0]:
            try:
                printed += os.read(parent, 1 << 16)
            except OSError:
                break
    os.close(parent)
    text = re.sub(r"[^\n]*\n\x1b\[1A", "", printed.decode())
    text = re.sub(r".*(\x1b\[2K|\r(?!\n))", "", text)
    rows = [re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", line).rstrip() for line in text.splitlines()]
    return [row[start : start + columns] for row in rows for start in range(0, max(len(row), 1), columns)]


@pytest.fixture
def nothing_filled_in(shop: Any, request: pytest.FixtureRequest) -> Any:
    """The shop at profile high, with no record but the system's own, or with empty templates of all and a schema."""
    from aims_gates.governance.record_schemas import SHAPES

    folder = records(shop)
    for name in ("card.yaml", "requirements.yaml"):
        (folder / name).unlink()
    edit(folder / "system.yaml", "profile: shop", "profile: high")
    edit(folder / "system.yaml", "roles: {target: y}", "roles: {target: y, sensitive: [g]}")
    if request.param == "templates":
        (shop.folder / "records" / "organization").mkdir()
        for name in SHAPES:
            assert shop.run("records", "new", name, "--system", "loans") == 0
        data, schema = shop.folder / "data" / "evaluation.csv", folder / "rows.schema.yaml"
        assert main(["data", "schema", "propose", str(data), "--output", str(schema)]) == 0
        text = (folder / "system.yaml").read_text()
        (folder / "system.yaml").write_text(f"{text}schema: {{evaluation: {{file: {schema.name}}}}}\n")
    shop.run("bind", "loans", "--system", "loans", "--author", "somebody", *shop.sign("policy"))
    return shop


@pytest.mark.long
@pytest.mark.parametrize("nothing_filled_in", ["none", "templates"], indirect=True)
@pytest.mark.parametrize(("columns", "signed"), [(80, True), (80, False), (120, False)])
def test_a_refused_check_at_high_with_nothing_filled_in_is_at_most_forty_lines(
    nothing_filled_in: Any, shops: Any, columns: int, signed: bool
) -> None:
    shop = nothing_filled_in
    where = shops.where_flags(shop.folder)
    words = ["check", "--model", "loans", "--version", "2", *(shop.sign("ci") if signed else ()), *where]
    command = [sys.executable, "-c", "from aims_gates.cli import entry; entry()", *words]
    lines = on_a_terminal(command, columns, shop.folder)
    assert 5 < len(lines) <= 40, "\n".join(lines)
    text = "\n".join(lines)
    assert "--all" in text, text
    assert re.search(r"REFUSED|nothing is signed", text), text

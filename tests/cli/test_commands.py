"""The table of commands: groups, old spellings, help made from the tables it describes, lines that can be pasted."""

import ast
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aims_gates.attestation.statements.policy import TrustedKey
from aims_gates.attestation.statements.types import ROLE_TASKS, ROLES
from aims_gates.cli import EXITS, key_drills, program
from aims_gates.cli.commands import COMMANDS, GROUPS, RENAMED
from aims_gates.decision.rules import Ask, decide
from aims_gates.documents.shell import quoted
from aims_gates.governance.controls.glossary import term
from aims_gates.mlflow_plugin.client.isolation import CHOICES
from aims_gates.reports import FORMATS
from aims_gates.reports.pages import FORMATS as PAGE_FORMATS
from aims_gates.workflow.portable_grant import ACCEPTABLE

PACKAGE = Path(__file__).resolve().parents[2] / "aims_gates"
AWKWARD = "Ann's loan model; v2"


def text(*arguments: str, command: Any) -> str:
    """A help without its line breaks."""
    return " ".join(command(*arguments, "--help").out.split())


def test_each_command_is_in_exactly_one_of_six_groups() -> None:
    names = [name for group in GROUPS.values() for name in group]
    assert list(GROUPS) == ["Start", "Decide", "People", "Operate", "Govern", "Registry"]
    assert len(names) == len(set(names)) and set(names) == set(COMMANDS)


def test_every_module_that_defines_a_command_is_reached_from_the_table() -> None:
    tops = {entry.module.partition(":")[0] for entry in COMMANDS.values()} | {words[-1] for words in RENAMED.values()}
    defining = {
        path.stem for path in (PACKAGE / "cli").glob("*.py") if re.search(r"^def command\(", path.read_text(), re.M)
    }
    assert defining == tops


def test_the_help_lists_the_groups_in_order_with_one_line_for_each_command(command: Any) -> None:
    lines = command("--help").out.splitlines()
    start = lines.index("Start:")
    expected = []
    for group, entries in GROUPS.items():
        expected += [f"{group}:", *(f"  {name:<12}  {entry.summary}" for name, entry in entries.items()), ""]
    assert lines[start : start + len(expected)] == expected


def test_the_list_of_commands_loads_none_of_them() -> None:
    code = (
        "import sys; from aims_gates.cli import main; main(['--help'])\n"
        "print(*(name for name in sys.modules if name.startswith('aims_gates.cli')), file=sys.stderr)"
    )
    completed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(completed.stderr.split()) == {"aims_gates.cli", "aims_gates.cli.commands"}


def test_python_m_aims_gates_is_the_command_line() -> None:
    completed = subprocess.run([sys.executable, "-m", "aims_gates", "nothing"], capture_output=True, text=True)
    assert completed.returncode == 1 and "No such command 'nothing'" in completed.stderr
    version = subprocess.run(
        [sys.executable, "-m", "aims_gates", "--version"], capture_output=True, text=True, check=True
    )
    assert version.stdout.startswith("aims-gates")


@pytest.mark.parametrize("old", RENAMED)
def test_an_old_spelling_works_with_a_note_and_is_not_in_the_help(command: Any, old: str) -> None:
    new = RENAMED[old]
    before, after = command(old, "--help"), command(*new, "--help")
    assert before.code == 0 and before.out == after.out and after.err == ""
    assert len(before.err.splitlines()) == 1 and f"aims-gates {' '.join(new)};" in before.err
    assert old not in COMMANDS and not re.search(rf"^  {old} ", command("--help").out, re.MULTILINE)


def test_an_old_spelling_leaves_standard_output_to_the_command(command: Any, tmp_path: Path) -> None:
    (tmp_path / "d.csv").write_text("x\n" + "1\n2\n" * 20)
    said = command("suite", "propose", "d.csv")
    assert said.code == 0 and json.loads(said.out) == json.loads(command("gates", "suite", "propose", "d.csv").out)


@pytest.mark.parametrize(
    ("one", "other"), [(("grant", "export"), ("verify-grant",)), (("db",), ("detach",)), (("detach",), ("db",))]
)
def test_commands_that_belong_together_name_each_other(
    command: Any, one: tuple[str, ...], other: tuple[str, ...]
) -> None:
    assert f"aims-gates {other[0]}" in text(*one, command=command)
    assert any({one[0], other[0]} <= set(group) for group in GROUPS.values())


def test_verify_grant_names_the_command_that_wrote_its_file(command: Any) -> None:
    assert "aims-gates grant export" in text("verify-grant", command=command)
    assert "verify-grant" in text("grant", command=command)


@pytest.mark.parametrize(
    ("word", "where", "sentence"),
    [
        ("adopt", "adopt", "To adopt a version is to "),
        ("halt", "halt", "A halt is a signed order "),
        ("bind", "bind", "To bind a name is to "),
        ("detach", "detach", "To detach a registry is to "),
        ("open mode", "db", "Open mode leaves a name "),
        ("open mode", ("db", "open-mode"), "behaves as in stock MLflow"),
        ("released copy", "promote", "is the released copy: the granted bytes"),
    ],
)
def test_a_coined_word_is_in_the_glossary_and_explained_by_its_command(
    command: Any, word: str, where: str | tuple[str, ...], sentence: str
) -> None:
    assert term(word).source == "ours"
    assert sentence in text(*([where] if isinstance(where, str) else where), command=command)


def test_the_help_of_keys_explains_every_built_in_role(command: Any) -> None:
    assert set(ROLE_TASKS) == set(ROLES)
    said = text("keys", command=command)
    assert all(f"{role} ({task})" in said for role, task in ROLE_TASKS.items())


def test_help_names_what_the_tables_hold(command: Any) -> None:
    isolation = text("predict", command=command)
    assert f"[{'|'.join(CHOICES)}]" in isolation
    assert all(f"{choice}: {meaning}" in isolation for choice, meaning in CHOICES.items())
    assert ", ".join(FORMATS) in text("check", command=command)
    assert f"[{'|'.join(PAGE_FORMATS)}]" in text("report", "audit", command=command)
    assert f"[{'|'.join(ACCEPTABLE)}]" in text("verify-grant", command=command)
    assert all(f"{code} {meaning}" in text(command=command) for code, meaning in EXITS.items())


@given(st.lists(st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"])), min_size=1))
def test_quoted_words_come_back_from_a_shell_as_they_were(words: list[str]) -> None:
    assert shlex.split(quoted(*words)) == words


def test_a_shell_reads_a_quoted_name_as_one_word() -> None:
    line = "printf '%s|' " + quoted(AWKWARD, '$HOME `id` "x"')
    completed = subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=True)
    assert completed.stdout == AWKWARD + '|$HOME `id` "x"|'


def parsed(line: str) -> dict[str, Any]:
    """The parameters that a printed line gives its command."""
    words = shlex.split(line, comments=True)
    assert words.pop(0) == "aims-gates"
    context = click.Context(program)
    group: click.Group = program
    while True:
        command = group.get_command(context, words.pop(0))
        assert command is not None, line
        if not isinstance(command, click.Group):
            parameters, left, _ = command.make_parser(click.Context(command)).parse_args(words)
            assert left == [], line
            return parameters
        group = command


def test_the_command_that_binds_a_name_can_be_pasted() -> None:
    ask = Ask("default", AWKWARD, "1", None, "production", datetime.now(UTC))
    *_, action = decide(ask, []).actions
    assert parsed(action)["model"] == AWKWARD


def test_what_to_do_about_a_compromised_key_can_be_pasted() -> None:
    entry = TrustedKey("ab" * 32, "Ann O'Hara", ("policy", "model owner"))
    grant = {"name": AWKWARD, "version": "3", "stands": True, "statement": "sha256:" + "0" * 64}
    value = {"key": "ab" * 32, "from": 7, "revoked": False, "said": [], "grants": [grant]}
    lines = [line for line in key_drills._next(value, [entry]) if not line.startswith("#")]
    rows = [parsed(line) for line in lines]
    assert [row["name"] for row in rows if "name" in row] == [AWKWARD, AWKWARD]
    assert [row["model"] for row in rows if "model" in row] == [AWKWARD]
    assert [row["roles"] for row in rows if "roles" in row] == [["policy", "model owner"]]
    assert [row["person"] for row in rows if "person" in row] == ["Ann O'Hara"]


#: Where a printed command begins, and what cannot be inside it.
BEGINS = re.compile(rf"aims-gates (?:{'|'.join(COMMANDS)})\b")
ENDS = re.compile(r"[\n`;()]|\. |, |: |  ")


def unquoted(node: ast.JoinedStr) -> Iterator[str]:
    """The values that stand in a printed command as they are."""
    inside = False
    for part in node.values:
        if isinstance(part, ast.Constant):
            begins = list(BEGINS.finditer(str(part.value)))
            rest = str(part.value)[begins[-1].end() :] if begins else str(part.value)
            inside = (inside or bool(begins)) and not ENDS.search(rest)
        elif inside and isinstance(part, ast.FormattedValue):
            called = part.value.func if isinstance(part.value, ast.Call) else None
            if not isinstance(called, ast.Name) or called.id != "quoted":
                yield ast.unparse(part.value)


def test_every_value_in_a_printed_command_is_quoted() -> None:
    problems = [
        f"{path.relative_to(PACKAGE)}:{node.lineno}: {value}"
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.JoinedStr)
        for value in unquoted(node)
    ]
    assert problems == [], "wrap it in aims_gates.documents.shell.quoted"

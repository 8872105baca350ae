"""The pages that are made from data are those that are committed, and their commands run."""

import os
import re
import shlex
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

from aims_gates.cli import main
from aims_gates.errors import InputError
from aims_gates.governance.controls import catalogue
from aims_gates.governance.controls.glossary import SOURCES, glossary, term
from aims_gates.governance.record_schemas import SHAPES
from aims_gates.packs.find import bundled, find_gates
from aims_gates.packs.manifest import Manifest

DOCS = Path(__file__).resolve().parents[1] / "docs"


@pytest.fixture(scope="module")
def made() -> ModuleType:
    """docs/generate.py; with UPDATE_DOCS=1 in the environment the pages are written anew first."""
    spec = spec_from_file_location("aims_gates_docs", DOCS / "generate.py")
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    if os.environ.get("UPDATE_DOCS") == "1":
        module.write()
    return module


@pytest.fixture(scope="module")
def pages(made: ModuleType) -> dict[str, str]:
    found: dict[str, str] = made.pages()
    return found


def test_the_committed_pages_are_exactly_what_the_generator_writes(made: ModuleType, pages: dict[str, str]) -> None:
    committed = {
        path.relative_to(DOCS).as_posix(): path.read_text(encoding="utf-8")
        for path in DOCS.rglob("*.md")
        if path.read_text(encoding="utf-8").startswith(made.MADE)
    }
    assert set(committed) == set(pages), "run: make docs"
    assert [name for name in pages if committed[name] != pages[name]] == [], "run: make docs"


def test_every_control_gate_and_record_has_its_page(pages: dict[str, str]) -> None:
    assert {f"controls/{each}.md" for each in catalogue()} <= set(pages)
    own = [gate for gate in find_gates().values() if gate.folder.parents[1] == bundled().resolve()]
    assert {f"gates/{each.id}.md" for each in own} <= set(pages)
    assert {f"records/{each}.md" for each in SHAPES} <= set(pages)


def test_a_control_page_holds_what_a_reader_needs(pages: dict[str, str]) -> None:
    for entry in catalogue().values():
        page = pages[f"controls/{entry.id}.md"]
        assert entry.paraphrase in page
        for heading in ("What evidences it", "How to meet the criteria", "Out of date when", "Elsewhere", "Commands"):
            assert f"## {heading}" in page, (entry.id, heading)
        assert f"aims-gates explain {entry.id}" in page


def test_a_record_page_says_what_each_field_is_for(pages: dict[str, str]) -> None:
    for name in SHAPES:
        fields = re.findall(r"^\| `([^`]+)` \| (.*?) \| ", pages[f"records/{name}.md"], re.MULTILINE)
        assert len(fields) > 5
        assert all(said for _, said in fields), name
        assert "No gate" not in pages[f"records/{name}.md"], name


def test_the_page_of_gate_yaml_holds_every_key_that_the_schema_knows(pages: dict[str, str]) -> None:
    schema = Manifest.model_json_schema()
    shapes = [schema, *schema["$defs"].values()]
    rows = re.findall(r"^\| `([^`]+)` \| (.+?) \| (.+?) \| (.+?) \|$", pages["gate-yaml.md"], re.MULTILINE)
    assert {key.split(".")[-1] for key, *_ in rows} == {key for shape in shapes for key in shape["properties"]}
    assert len(rows) == sum(len(shape["properties"]) for shape in shapes)
    required = {key for key, _, default, _ in rows if default == "**required**" and "." not in key}
    assert required == set(schema["required"])


@pytest.mark.slow
def test_the_commands_on_made_pages_run(
    pages: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"^```sh\n(.*?)^```", "".join(pages.values()), re.MULTILINE | re.DOTALL)
    lines = list(dict.fromkeys(line for block in blocks for line in block.splitlines()))
    assert len(lines) > 150
    for line in lines:
        program, *arguments = shlex.split(line)
        assert program == "aims-gates"
        assert main(arguments) == 0, line
        assert capsys.readouterr().out, line


def test_the_glossary_has_stable_ids_for_the_words_of_the_field_and_of_the_product() -> None:
    kept = "ai-system interested-party risk continual-improvement control gate profile evidence subject grant record"
    assert set(kept.split()) <= set(glossary())
    for each in glossary().values():
        assert re.fullmatch(r"[a-z][a-z-]*", each.id) and each.source in SOURCES and len(each.means) > 20
    assert len({each.term for each in glossary().values()}) == len(glossary())
    assert sum(each.source == "22989" for each in glossary().values()) >= 25


def test_a_word_is_found_by_its_name_or_id_and_a_wrong_one_names_the_nearest() -> None:
    assert term("AI system") == term("ai-system")
    with pytest.raises(InputError) as caught:
        term("intrested party")
    assert "interested party" in str(caught.value.remedy)


def test_the_glossary_on_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["glossary", "ai system"]) == 0
    assert "22989" in capsys.readouterr().out
    assert main(["glossary", "no such word at all"]) == 1

"""Packs: one loader for four places; what is digested is what runs."""

import importlib.util
import inspect
import os
import py_compile
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.abc import InspectLoader
from pathlib import Path
from types import FunctionType
from typing import Any

import pytest

from aims_gates.errors import GateError, InputError, PackError
from aims_gates.packs.case import Case
from aims_gates.packs.find import bundled, find_gates, find_profile, installed, profile_names
from aims_gates.packs.gate import Gate

MANIFEST = """\
id: {name}
title: A gate on trial
summary: It counts.
controls: [A.6.2.4, "9.1"]
phase: verification
kind: computed
subject: model
parameters:
  share: {{type: number, summary: the least share, default: 0.5}}
  names: {{type: [array, string], summary: names, default: [a]}}
  strict: {{type: boolean, summary: whether, default: false, owner: system}}
  count: {{type: integer, summary: how many}}
expires_days: 30
"""
CODE = """\
from aims_gates import Finding, Limit
from . import sibling
from .deep.inner import OFFSET

def run(case):
    value = sibling.value() + OFFSET
    return [Finding("count", value, limit=Limit(">=", 1), outcome="pass")]
"""


def write(root: Path, name: str = "on_trial", code: str = CODE, manifest: str = MANIFEST) -> Path:
    folder = root / "gates" / name
    (folder / "deep").mkdir(parents=True)
    (folder / "samples").mkdir()
    (folder / "gate.yaml").write_text(manifest.format(name=name))
    (folder / "gate.py").write_text(code)
    (folder / "sibling.py").write_text("def value():\n    return 1\n")
    (folder / "deep" / "__init__.py").write_text("")
    (folder / "deep" / "inner.py").write_text("OFFSET = 0\n")
    return folder


def run(folder: Path) -> float | None:
    gate = Gate.read(folder)
    case = Case(gate.id, {}, {}, {}, datetime.now(UTC))
    (finding,) = gate.load()(case)
    return finding.value


@pytest.fixture
def no_packs() -> Iterator[None]:
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if name.startswith(("aims_gate_", "offered")):
            del sys.modules[name]


pytestmark = pytest.mark.usefixtures("no_packs")


def test_a_gate_runs_from_the_bytes_that_were_digested(tmp_path: Path) -> None:
    folder = write(tmp_path)
    gate = Gate.read(folder)
    (folder / "sibling.py").write_text("def value():\n    return 99\n")
    (finding,) = gate.load()(Case(gate.id, {}, {}, {}, datetime.now(UTC)))
    assert finding.value == 1
    assert run(folder) == 99


def test_a_forged_bytecode_cache_changes_nothing(tmp_path: Path) -> None:
    folder = write(tmp_path)
    before = Gate.read(folder).digest
    source = folder / "sibling.py"
    times = source.stat()
    (tmp_path / "evil.py").write_text("def value():\n    return -7\n")
    for place in (source, folder / "gate.py"):
        cache = Path(importlib.util.cache_from_source(str(place)))
        py_compile.compile(
            str(tmp_path / "evil.py"), str(cache), invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH
        )
        os.utime(cache, (times.st_atime, times.st_mtime))
    assert Gate.read(folder).digest == before
    assert run(folder) == 1
    source.unlink()
    with pytest.raises(GateError, match="does not import"):
        Gate.read(folder).load()


def test_loading_a_gate_writes_no_bytecode(tmp_path: Path) -> None:
    folder = write(tmp_path)
    run(folder)
    assert not list(folder.rglob("__pycache__"))


@pytest.mark.parametrize(
    "name", ["gate.py", "gate.yaml", "sibling.py", "deep/inner.py", "deep/__init__.py", "table.csv"]
)
def test_an_edited_file_of_a_gate_changes_its_digest(tmp_path: Path, name: str) -> None:
    folder = write(tmp_path)
    before = Gate.read(folder).digest
    with (folder / name).open("a") as file:
        file.write("\n")
    assert Gate.read(folder).digest != before


def test_samples_do_not_count_and_the_place_does_not_either(tmp_path: Path) -> None:
    one, two = write(tmp_path / "one"), write(tmp_path / "two")
    (two / "samples" / "good.yaml").write_text("outcome: pass")
    assert Gate.read(one).digest == Gate.read(two).digest


def test_reading_a_gate_runs_no_code(tmp_path: Path) -> None:
    folder = write(tmp_path, code="raise SystemExit('ran')")
    gate = find_gates([tmp_path])["on_trial"]
    assert gate.folder == folder.resolve()
    assert gate.manifest.title == "A gate on trial"
    assert gate.digest


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("raise SystemExit(0)", "SystemExit"),
        ("import no_such_module", "no_such_module"),
        ("def run(case) return", "SyntaxError"),
        ("from . import absent", "absent"),
        ("run = 5", "no function run"),
        ("", "no function run"),
    ],
)
def test_a_gate_that_does_not_import_is_an_error_each_time(tmp_path: Path, code: str, said: str) -> None:
    folder = write(tmp_path, code=code)
    for _ in range(2):
        with pytest.raises(GateError, match=said):
            Gate.read(folder).load()


def test_a_gate_without_gate_py_has_nothing_to_run(tmp_path: Path) -> None:
    folder = write(tmp_path)
    (folder / "gate.py").unlink()
    with pytest.raises(GateError, match=r"no gate\.py"):
        Gate.read(folder).load()


def test_a_gate_that_is_not_utf_8_is_an_error(tmp_path: Path) -> None:
    folder = write(tmp_path)
    (folder / "sibling.py").write_bytes(b"x = '\xff'\n")
    with pytest.raises(GateError, match="does not import"):
        Gate.read(folder).load()


def test_an_unreadable_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(PackError, match="cannot be read"):
        Gate.read(tmp_path / ("n" * 300))
    assert Gate.read(tmp_path / "absent").files == {}
    with pytest.raises(PackError, match=r"needs a gate\.yaml"):
        _ = Gate.read(tmp_path / "absent").manifest


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ("id: {name}", "id: another", 1, "differs from the folder"),
        ("title:", "tittle:", 2, "unknown field"),
        ("expires_days: 30", "expires_days: 0", 13, "expires_days"),
        ("A.6.2.4", "A.6.2.44", 4, "no control 'A.6.2.44'"),
        ('"9.1"', '"11.1"', 4, "no control '11.1'"),
        ("controls: [A.6.2.4", "controls: []\nnotes: [A.6", 5, "unknown field"),
        ("default: 0.5", "default: half", 9, "default of 'share'"),
        ("type: number", "type: nubmer", 9, "parameters.share.type"),
        ("owner: system", "owner: anyone", 11, "parameters.strict.owner"),
        ("kind: computed", "kind: computed\nkind: record", 7, "is there twice"),
        ("kind: computed", "findings: {{gap: [A.9.9]}}\nkind: computed", 1, "findings.gap names 'A.9.9', which is not"),
        ("kind: computed", "findings: {{gap: []}}\nkind: computed", 1, "findings.gap names no control"),
    ],
)
def test_a_wrong_manifest_is_an_error_with_its_line(tmp_path: Path, old: str, new: str, line: int, said: str) -> None:
    assert old in MANIFEST
    folder = write(tmp_path, manifest=MANIFEST.replace(old, new))
    with pytest.raises(PackError, match=said) as caught:
        _ = Gate.read(folder).manifest
    assert caught.value.where == f"{folder}/gate.yaml:{line}"


def test_parameters_are_defaults_overlaid_and_never_shared(tmp_path: Path) -> None:
    gate = Gate.read(write(tmp_path))
    params = gate.params({"share": 1, "names": "b"})
    assert params == {"share": 1, "names": "b", "strict": False, "count": None}
    gate.params({})["names"].append("smuggled")
    assert gate.params({})["names"] == ["a"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("share", "0.5"),
        ("share", True),
        ("share", float("nan")),
        ("share", float("inf")),
        ("count", 1.5),
        ("count", False),
        ("strict", 1),
        ("names", {}),
    ],
)
def test_a_parameter_of_the_wrong_type_is_an_error_that_names_it(tmp_path: Path, name: str, value: Any) -> None:
    with pytest.raises(InputError, match=f"{name} cannot be") as caught:
        Gate.read(write(tmp_path)).params({name: value}, "profiles/x.yaml:3")
    assert caught.value.where == "profiles/x.yaml:3"


def test_an_unknown_parameter_is_an_error_that_lists_the_known(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no parameter 'limit'") as caught:
        Gate.read(write(tmp_path)).params({"limit": 1})
    assert "share" in str(caught.value.remedy)


def test_a_pack_of_ones_own_cannot_shadow_a_bundled_gate_or_profile(tmp_path: Path) -> None:
    known = sorted(find_gates())
    if not known:
        pytest.skip("no bundled gate yet")
    write(tmp_path, name=known[0])
    with pytest.raises(PackError, match="is already in"):
        find_gates([tmp_path])


def test_two_packs_cannot_offer_the_same(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write(tmp_path / name)
        (tmp_path / name / "profiles").mkdir()
        (tmp_path / name / "profiles" / "house.yaml").write_text("a: 1")
    with pytest.raises(PackError, match="'on_trial' is already in") as caught:
        find_gates([tmp_path / "one", tmp_path / "two"])
    assert caught.value.where == str(tmp_path / "two" / "gates" / "on_trial")
    with pytest.raises(PackError, match="'house' is already"):
        profile_names([tmp_path / "one", tmp_path / "two"])


def test_the_same_pack_named_twice_is_one_pack(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "again").symlink_to(tmp_path)
    assert "on_trial" in find_gates([tmp_path, tmp_path / "again", bundled()])


def test_a_pack_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(PackError, match="no such pack"):
        find_gates([tmp_path / "absent"])


def test_the_working_directory_is_no_pack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert "on_trial" not in find_gates()


def test_a_profile_is_found_by_its_name_or_the_error_lists_those_there_are(tmp_path: Path) -> None:
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "house.yaml").write_text("tier: no")
    assert find_profile("house", [tmp_path]).value == {"tier": "no"}
    with pytest.raises(PackError, match="no profile 'hause'") as caught:
        find_profile("hause", [tmp_path])
    assert "house" in str(caught.value.remedy)


def offer(site: Path, value: str) -> None:
    facts = site / "offered-1.0.dist-info"
    facts.mkdir(parents=True)
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: offered\nVersion: 1.0\n")
    (facts / "entry_points.txt").write_text(f"[aims_gates.packs]\noffered = {value}\n")


@pytest.mark.parametrize("value", ["offered_pack", "offered_pack.parts.pack"])
def test_another_distribution_offers_a_pack_and_is_not_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    place = tmp_path.joinpath(*value.split("."))
    write(place)
    (tmp_path / "offered_pack" / "__init__.py").write_text("raise RuntimeError('imported')")
    offer(tmp_path, value)
    monkeypatch.syspath_prepend(str(tmp_path))
    assert installed() == [place]
    assert find_gates()["on_trial"].folder == place.resolve() / "gates" / "on_trial"
    assert "offered_pack" not in sys.modules


@pytest.mark.parametrize("value", ["offered_absent", "json"])
def test_a_distribution_that_offers_what_is_not_there_is_an_error_that_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    offer(tmp_path, f"{value}.pack")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(PackError, match="not there") as caught:
        find_gates()
    assert caught.value.where == "offered"


def test_a_gates_classes_and_traceback_name_the_real_file(tmp_path: Path) -> None:
    folder = write(
        tmp_path,
        code="from dataclasses import dataclass\n@dataclass\nclass A:\n    x: int\ndef run(case):\n    return []\n",
    )
    loaded = Gate.read(folder).load()
    assert isinstance(loaded, FunctionType)
    assert loaded.__code__.co_filename == str(folder / "gate.py")
    assert inspect.getsource(loaded) == "def run(case):\n    return []\n"
    loader = sys.modules[loaded.__module__].__loader__
    assert isinstance(loader, InspectLoader)
    assert loader.get_source(loaded.__module__) == (folder / "gate.py").read_text()

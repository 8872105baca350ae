"""The rooms hold: imports point one way, gates import the public face alone, light commands stay light."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
KERNEL = sorted((ROOT / "aims_gates").rglob("*.py"))
GATES = sorted((ROOT / "gates").rglob("*.py"))

#: A module imports only what stands before it. A new module gets its place here.
ORDER = [
    "errors",
    "model",
    "documents",
    "governance",
    "data",
    "packs",
    "gatekit",
    "profiles",
    "evaluation",
    "attestation",
    "decision",
    "database",
    "settings",
    "ledger",
    "workflow",
    "simulation",
    "portfolio",
    "reports",
    "mlflow_plugin",
    "setup",
    "web",
    "cli",
    "__main__",
]
HEAVY = {
    "great_expectations",
    "evidently",
    "fairlearn",
    "sklearn",
    "mlflow",
    "pandas",
    "polars",
    "pyarrow",
    "duckdb",
    "scipy",
}
PUBLIC = {"aims_gates", "__future__"}


def _guarded(tree: ast.AST) -> set[int]:
    """Ids of the nodes that only a type checker sees."""
    tests = [node for node in ast.walk(tree) if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"]
    return {id(inner) for node in tests for child in node.body for inner in ast.walk(child)}


def imports(path: Path) -> Iterator[tuple[str, int]]:
    """Absolute dotted names that a file imports, wherever in it, with their lines."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    skipped = _guarded(tree)
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield from ((f"{node.module}.{alias.name}", node.lineno) for alias in node.names)


def room(path: Path) -> str:
    return path.relative_to(ROOT / "aims_gates").parts[0].removesuffix(".py")


def folder(module: str) -> str:
    """The room, or room within a room, in which a module stands; a module at the top is a room of its own."""
    parts = module.split(".")
    is_package = ROOT.joinpath(*parts).is_dir()
    return module if is_package or len(parts) == 2 else module.rpartition(".")[0]


def arrows() -> dict[str, set[str]]:
    """Room -> the rooms that its modules import, rooms within rooms counted by themselves."""
    found: dict[str, set[str]] = {}
    for path in KERNEL:
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for name, _ in imports(path):
            parts = name.split(".")
            while len(parts) > 1 and not (
                ROOT.joinpath(*parts).is_dir() or ROOT.joinpath(*parts).with_suffix(".py").is_file()
            ):
                parts.pop()
            target = folder(".".join(parts))
            if parts[0] == "aims_gates" and len(parts) > 1 and target != folder(module):
                found.setdefault(folder(module), set()).add(target)
    return found


def test_no_rooms_import_each_other_not_even_round_a_corner() -> None:
    open_rooms = arrows()
    while leaves := [room for room, targets in open_rooms.items() if not targets & open_rooms.keys()]:
        for leaf in leaves:
            del open_rooms[leaf]
    assert open_rooms == {}, "these rooms go round"


def test_the_house_stays_small_enough_to_be_known() -> None:
    top = {
        (room.split(".")[1], target.split(".")[1])
        for room, targets in arrows().items()
        for target in targets
        if "." in room
    }
    assert len({pair for pair in top if pair[0] != pair[1]}) <= 121, "more arrows between rooms than anybody can know"


def test_every_module_of_the_kernel_has_a_place_in_the_order() -> None:
    assert {room(path) for path in KERNEL} - {"__init__", *ORDER} == set()


@pytest.mark.parametrize("path", KERNEL, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_imports_point_one_way(path: Path) -> None:
    here = room(path)
    allowed = {here, *(ORDER[: ORDER.index(here)] if here in ORDER else ("errors", "model"))}
    wrong = [
        f"{path.relative_to(ROOT)}:{line}: {name}"
        for name, line in imports(path)
        if name.startswith("aims_gates.") and name.split(".")[1] in {*ORDER, "__init__"} - allowed
    ]
    assert wrong == []


@pytest.mark.parametrize("path", KERNEL, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_only_the_registry_knows_mlflow_and_the_kernel_no_gates_library(path: Path) -> None:
    banned = {"great_expectations", "evidently", "fairlearn"} | (set() if room(path) == "mlflow_plugin" else {"mlflow"})
    wrong = [f"{path.relative_to(ROOT)}:{line}: {name}" for name, line in imports(path) if name.split(".")[0] in banned]
    assert wrong == []


@pytest.mark.parametrize("path", GATES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_gate_imports_the_public_face_and_its_own_folder_alone(path: Path) -> None:
    import aims_gates

    own = {folder.name for folder in (ROOT / "gates").iterdir()}
    for name, line in imports(path):
        top, _, rest = name.partition(".")
        place = f"{path.relative_to(ROOT)}:{line}: {name}"
        assert top not in {"gates", "bundled", "mlflow", *own} or top in sys.stdlib_module_names, place
        assert top != "aims_gates" or rest.split(".")[0] in {*aims_gates.__all__, "gatekit"}, place


@pytest.mark.parametrize("path", GATES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_relative_imports_of_a_gate_stay_in_its_folder(path: Path) -> None:
    depth = len(path.relative_to(ROOT / "gates").parts) - 1
    tree = ast.parse(path.read_text(encoding="utf-8"))
    levels = [node.level for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    assert max(levels, default=0) <= depth


@pytest.mark.parametrize("path", KERNEL, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_public_module_says_what_is_public(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert ast.get_docstring(tree), f"{path.relative_to(ROOT)} has no docstring"
    if len(tree.body) == 1 or (path.name.startswith("_") and path.name != "__init__.py"):
        return
    assigned = [
        node.targets if isinstance(node, ast.Assign) else [node.target]
        for node in tree.body
        if isinstance(node, ast.Assign | ast.AnnAssign)
    ]
    names = [target.id for targets in assigned for target in targets if isinstance(target, ast.Name)]
    assert "__all__" in names, f"{path.relative_to(ROOT)} has no __all__"


def loaded(module: str) -> set[str]:
    """Top-level names that importing this module brings, in a fresh interpreter."""
    code = f"import {module}, sys; print(*{{name.split('.')[0] for name in sys.modules}})"
    return set(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split())


@pytest.mark.parametrize(
    "module",
    [
        "aims_gates",
        "aims_gates.packs.find",
        "aims_gates.evaluation.plan",
        "aims_gates.decision.rules",
        "aims_gates.ledger",
        "aims_gates.cli",
    ],
)
def test_planning_deciding_verifying_and_help_load_nothing_heavy(module: str) -> None:
    place = ROOT.joinpath(*module.split("."))
    if not place.is_dir() and not place.with_suffix(".py").is_file():
        pytest.skip(f"{module} is not written yet")
    assert loaded(module) & HEAVY == set()


def test_no_class_of_the_kernel_shares_its_name_with_another() -> None:
    places: dict[str, list[str]] = {}
    for path in KERNEL:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef):
                places.setdefault(node.name, []).append(f"{path.relative_to(ROOT)}:{node.lineno}")
    assert {name: files for name, files in places.items() if len(files) > 1} == {}

"""MLflow is as aims-gates knows it, or it is refused: names, signatures, methods, tables, versions."""

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy
from mlflow.store.db.base_sql_model import Base
from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore
from mlflow.utils import validation

from aims_gates import ledger
from aims_gates.attestation.statements.policy import UntestedMlflow
from aims_gates.cli import main
from aims_gates.errors import AimsGatesError, InputError, RefusedError
from aims_gates.mlflow_plugin.entry import gated_store
from aims_gates.mlflow_plugin.internals import store, verify, versions
from aims_gates.mlflow_plugin.internals.names import STORE_NAMES
from aims_gates.mlflow_plugin.internals.server.names import AUTH_NAMES, HANDLER_NAMES, NATIVE_NAMES
from aims_gates.mlflow_plugin.store import untested
from aims_gates.mlflow_plugin.store.untested import accept, need_server_version

from .conftest import World

PACKAGE = Path(store.__file__).parents[2]
OURS = PACKAGE / "mlflow_plugin" / "internals"
served_mlflow = pytest.mark.skipif(
    versions.minor(versions.installed()) < versions.SERVER_FLOOR, reason="no server runs on this MLflow"
)
TABLES = (STORE_NAMES, HANDLER_NAMES, NATIVE_NAMES, AUTH_NAMES)
PRIVATE = {
    part
    for table in TABLES
    for names in table.values()
    for name in names
    for part in name.name.split(".")
    if part.startswith("_") and not part.startswith("__")
}


def looked_at_anew() -> None:
    for function in (verify.need_names, verify.need_store, versions.constant):
        function.cache_clear()


@pytest.fixture
def anew() -> Iterator[None]:
    """MLflow is looked at again in this test, and after it."""
    looked_at_anew()
    yield
    looked_at_anew()


@pytest.fixture
def newer(anew: None, monkeypatch: pytest.MonkeyPatch) -> str:
    """The installed MLflow, as if the minor version before it were the newest that was tested."""
    version = versions.installed()
    before = (versions.minor(version)[0], versions.minor(version)[1] - 1)
    for module in (versions, verify, untested):
        monkeypatch.setattr(module, "NEWEST", before)
    return version


def borrowed(tree: ast.Module) -> set[str]:
    """The names that a module's imports bind to modules and objects of MLflow."""
    return {
        alias.asname or alias.name.split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
        if str(node.module if isinstance(node, ast.ImportFrom) else alias.name).split(".")[0] == "mlflow"
    }


def private_uses(tree: ast.Module) -> Iterator[str]:
    """Private names of MLflow that a module imports, reaches for or spells, and what it replaces in MLflow."""
    mlflow = borrowed(tree)
    for node in ast.walk(tree):
        match node:
            case ast.ImportFrom(module=str(module)) if module.split(".")[0] == "mlflow":
                yield from (alias.name for alias in node.names if alias.name.startswith("_"))
                yield from (part for part in module.split(".") if part.startswith("_"))
            case ast.Attribute(attr=attribute) if attribute in PRIVATE:
                yield attribute
            case ast.Attribute(value=ast.Name(id=owner), attr=attribute, ctx=context) if owner in mlflow:
                if attribute.startswith("_") or isinstance(context, ast.Store):
                    yield f"{owner}.{attribute}"
            case ast.Attribute(attr="__class__", ctx=ast.Store()):
                yield "__class__ is replaced"
            case ast.Constant(value=str(text)) if text.startswith("_MLFLOW"):
                yield text


def modules() -> list[Path]:
    return [path for path in sorted(PACKAGE.rglob("*.py")) if OURS not in path.parents]


@pytest.mark.parametrize("path", modules(), ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_private_names_of_mlflow_stand_in_internals_alone(path: Path) -> None:
    assert sorted(private_uses(ast.parse(path.read_text(encoding="utf-8")))) == []


@pytest.mark.parametrize(
    "line",
    [
        "from mlflow.utils.validation import _validate_model_name",
        "from mlflow.tracking._model_registry.utils import get_store",
        "from mlflow.server import auth\nauth._USER_AUTH_CACHE",
        "from mlflow.server import auth\nauth.auth_config = None",
        "store._get_query(session, model)",
        "repository.__class__ = Guarded",
        "os.environ['_MLFLOW_SGI_NAME']",
    ],
)
def test_the_look_for_private_names_finds_them(line: str) -> None:
    assert list(private_uses(ast.parse(line)))


def test_the_installed_mlflow_is_as_it_must_be(anew: None) -> None:
    verify.need_store()
    assert versions.need_tested(versions.FLOOR, "this test")
    assert versions.installed() == versions.constant("mlflow.version", "VERSION")


def test_an_invented_write_method_is_refused(anew: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def set_registered_model_pointer(self: object, name: str, version: int) -> None:
        """Write past the gate."""

    monkeypatch.setattr(SqlAlchemyStore, "set_registered_model_pointer", set_registered_model_pointer, raising=False)
    with pytest.raises(InputError, match="unknown method set_registered_model_pointer"):
        gated_store(f"aims+sqlite:///{tmp_path / 'registry.db'}")
    assert not (tmp_path / "registry.db").exists()


@pytest.mark.parametrize("tested", [True, False])
def test_an_invented_table_of_the_registry_is_refused(anew: None, tested: bool, request: pytest.FixtureRequest) -> None:
    if not tested:
        request.getfixturevalue("newer")
    table = sqlalchemy.Table("registered_model_pointers", Base.metadata, sqlalchemy.Column("name", sqlalchemy.String))
    try:
        with pytest.raises(InputError, match="unknown table registered_model_pointers"):
            verify.need_store()
    finally:
        Base.metadata.remove(table)


def test_a_table_elsewhere_is_refused_in_a_tested_version_alone() -> None:
    assert verify.unknown_tables(["widgets", "runs"], tested=True) == ["widgets"]
    assert verify.unknown_tables(["widgets", "runs"], tested=False) == []


def test_a_name_that_is_gone_and_one_that_looks_different_are_both_named(
    anew: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(validation, "_validate_model_name")
    monkeypatch.setattr(SqlAlchemyStore, "set_registered_model_alias", lambda self, name, alias, version, force: None)
    with pytest.raises(InputError) as caught:
        verify.need_store()
    assert "_validate_model_name is not there" in caught.value.message
    assert "is (self, name, alias, version, force), and must be (self, name, alias, version)" in caught.value.message
    assert "pip install" in str(caught.value.remedy)


def test_a_server_variable_by_another_name_is_refused(anew: None, monkeypatch: pytest.MonkeyPatch) -> None:
    renamed = replace(STORE_NAMES["artifact_root"][0], shape="'_MLFLOW_SERVER_ARTIFACT_PLACE'")
    monkeypatch.setitem(STORE_NAMES, "artifact_root", (renamed,))  # type: ignore[arg-type]
    with pytest.raises(InputError, match="ARTIFACT_ROOT_ENV_VAR is '_MLFLOW_SERVER_ARTIFACT_ROOT'"):
        verify.need_names()


def test_each_role_has_at_most_one_name_in_each_version() -> None:
    for table in TABLES:
        for role, names in table.items():
            for number in range(versions.FLOOR[1], versions.NEWEST[1] + 2):
                assert sum(name.holds((3, number)) for name in names) <= 1, role


def test_no_validator_gives_anything_back() -> None:
    assert store.validate_version("3") is None and store.validate_name("loan") is None  # type: ignore[func-returns-value]


@pytest.mark.parametrize("version", ["3.9.0", "2.22.1"])
def test_an_older_mlflow_is_refused(anew: None, monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    monkeypatch.setattr(versions, "installed", lambda: version)
    with pytest.raises(InputError, match=f"needs MLflow 3.10 or later; this is {version}"):
        verify.need_store()


def test_a_newer_mlflow_with_the_same_names_is_taken_with_a_warning(newer: str) -> None:
    with pytest.warns(UserWarning, match=f"tested with MLflow 3.10 to .*; this is {newer}"):
        verify.need_store()


@pytest.mark.parametrize(
    "command",
    [
        ["bind", "loan", "--system", "mortgage"],
        ["promote", "loan", "1"],
        ["ledger", "verify"],
        ["ledger", "reconcile"],
        ["keys", "list"],
    ],
    ids=lambda command: " ".join(command[:2]),
)
def test_commands_on_a_database_stop_beside_an_mlflow_that_cannot_be_guarded(
    newer: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    command: list[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delattr(validation, "_validate_model_name")
    assert main([*command, "--registry", f"aims+sqlite:///{tmp_path / 'registry.db'}"]) == 1
    assert f"MLflow {newer} is not one that aims-gates can guard" in capsys.readouterr().err
    assert not (tmp_path / "registry.db").exists()


def test_a_plugin_that_does_not_import_says_so_and_is_not_taken_for_absent(tmp_path: Path) -> None:
    code = """
import sys, warnings
warnings.simplefilter("ignore")
sys.modules["aims_gates.mlflow_plugin.store.lifecycle"] = None
import mlflow
mlflow.set_registry_uri("aims+sqlite:///registry.db")
mlflow.MlflowClient().search_registered_models()
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "the gated registry store cannot be loaded: ModuleNotFoundError" in done.stderr
    assert not (tmp_path / "registry.db").exists()


def test_what_mlflow_loads_of_us_imports_nothing_that_can_fail() -> None:
    code = "import aims_gates.mlflow_plugin.entry, sys; print('mlflow' in sys.modules, 'sqlalchemy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


def served(world: World) -> None:
    with world.store.primary() as session:
        need_server_version(session.connection())


def words(world: World) -> list[str]:
    with world.store.primary() as session:
        found = ledger.rows(session.connection(), ("mlflow",))
    return [row.digest for row in found if isinstance(row.predicate, UntestedMlflow)]


@served_mlflow
@pytest.mark.parametrize("world", ["sqlite"], indirect=True)
def test_a_server_on_a_newer_mlflow_needs_a_policy_owners_word_that_stands(world: World, newer: str) -> None:
    minor = versions.spelled(versions.minor(newer))
    with pytest.raises(RefusedError, match=f"this is {newer}, and no policy owner has signed for it") as caught:
        served(world)
    assert f"aims-gates db accept-mlflow {minor}" in str(caught.value.remedy)
    with pytest.raises(InputError, match="needs no such word"):
        accept(world.uri, versions.spelled(untested.NEWEST), "tested already", world.key("policy"))
    for person in ("dev", "ci", "nobody"):
        with pytest.raises(AimsGatesError):
            accept(world.uri, minor, "read what is new", world.key(person))
    accept(world.uri, "3.99", "the version after", world.key("policy"))
    with pytest.raises(RefusedError):
        served(world)
    assert accept(world.uri, minor, "read what is new", world.key("policy")) == "Policy"
    served(world)
    world.revoke(words(world)[-1], "policy")
    with pytest.raises(RefusedError):
        served(world)


@pytest.mark.parametrize("world", ["sqlite"], indirect=True)
def test_a_service_account_answers_for_no_version(world: World, newer: str) -> None:
    world.change_keys(risk={"roles": ("policy",), "service": True})
    with pytest.raises(RefusedError, match="service account"):
        accept(world.uri, "3.99", "read what is new", world.key("risk"))
    assert words(world) == []


@served_mlflow
@pytest.mark.parametrize("world", ["sqlite"], indirect=True)
def test_a_server_too_old_or_of_a_tested_version_asks_nobody(
    world: World, anew: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    served(world)
    for module in (
        "aims_gates.mlflow_plugin.store.untested.installed",
        "aims_gates.mlflow_plugin.internals.versions.installed",
    ):
        monkeypatch.setattr(module, lambda: "3.12.0")
    with pytest.raises(InputError, match=r"needs MLflow 3\.17 or later; this is 3\.12\.0"):
        served(world)


def test_doctor_says_what_is_installed_and_what_differs(
    anew: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["doctor", "--json"])
    rows = {row["check"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["mlflow"]["ok"] and versions.installed() in rows["mlflow"]["found"] and rows["registry store"]["ok"]
    looked_at_anew()
    monkeypatch.delattr(validation, "_validate_model_name")
    assert main(["doctor", "--json"]) == 1
    rows = {row["check"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["mlflow"]["ok"] and not rows["registry store"]["ok"]
    assert "_validate_model_name is not there" in rows["registry store"]["found"]

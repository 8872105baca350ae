"""What a model asks for is read from whatever MLflow would install from, and never handed on as it stands."""

from pathlib import Path

import pytest

from aims_gates.documents.canonical import manifest
from aims_gates.mlflow_plugin.client.requirements import RequiredPackages


def read(folder: Path, **files: str | bytes) -> RequiredPackages:
    for name, content in {"weights": "1", **files}.items():
        path = folder / name.replace("___", "/").replace("__", ".")
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return RequiredPackages(folder, [str(row[0]) for row in manifest(folder)])


def test_all_the_files_that_mlflow_writes_are_read(tmp_path: Path) -> None:
    conda = "channels: [conda-forge]\ndependencies:\n- python=3.11.4\n- pip<=25.0\n- pip:\n  - pandas==2.2\nname: env\n"
    python = "python: 3.11.4\nbuild_dependencies: [pip==25.0, setuptools, wheel]\ndependencies: [-r requirements.txt]\n"
    asks = read(tmp_path, requirements__txt="\ufeffNumpy==1.26.4\n", conda__yaml=conda, python_env__yaml=python)
    assert asks.pins == ("pandas==2.2", "pip==25.0", "numpy==1.26.4")
    assert asks.files == ("conda.yaml", "python_env.yaml", "requirements.txt")
    assert (asks.unknown, asks.unread) == ({}, {})


def test_pins_are_read_as_pip_reads_them(tmp_path: Path) -> None:
    lines = [
        'Foo_Bar[extra] == 1.0.0 ; sys_platform == "win32"  # a marker chooses a machine, and models move',
        "torch==2.1.0+cu118",
        "baz===1.0rc1 \\",
        "    --hash=sha256:00 --hash=sha256:01",
        "both>=1,==1.5",
        "foo-bar==1.0.0",
        "--pre",
        "-c constraints.txt",
    ]
    asks = read(tmp_path, requirements__txt="\r\n".join(lines))
    assert asks.pins == ("foo-bar==1.0.0", "torch==2.1.0", "baz==1.0rc1", "both==1.5")
    assert (asks.unknown, asks.unread) == ({}, {})


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("numpy", "no single version"),
        ("numpy>=1.26", "no single version"),
        ("numpy==1.*", "no single version"),
        ("numpy==1.0,==2.0", "several versions"),
        ("numpy===one", "not a name and version"),
        ("git+https://example.org/a.git", "a path or an address"),
        ("a @ https://example.org/a.whl", "an address"),
        ("./a.whl", "a path or an address"),
        ("-e .", "a path or an address"),
        ("--editable=./src", "a path or an address"),
        ("--index-url http://evil.example", "may come from elsewhere"),
        ("--extra-index-url=http://evil.example", "may come from elsewhere"),
        ("-i http://evil.example", "may come from elsewhere"),
        ("-f links", "may come from elsewhere"),
        ("--trusted-host evil.example", "may come from elsewhere"),
        ("--osv-url=http://evil.example", "may come from elsewhere"),
        ("--", "may come from elsewhere"),
        ("numpy==1.0 --index-url http://evil.example", "not a name and version"),
        ("numpy==${VERSION}", "not a name and version"),
        ("numpy==1.0 -r other", "not a name and version"),
    ],
)
def test_what_names_no_package_and_version_is_unknown(tmp_path: Path, line: str, why: str) -> None:
    asks = read(tmp_path, requirements__txt=f"{line}\nscipy==1.0\n")
    assert asks.pins == ("scipy==1.0",)
    assert list(asks.unknown) == [line] and why in asks.unknown[line] and not asks.unread


def test_passwords_and_control_characters_are_not_repeated(tmp_path: Path) -> None:
    long = "x" * 1000
    asks = read(tmp_path, requirements__txt=f"git+https://me:secret@example.org/a\n\x1b[31mred\n{long}\n")
    assert list(asks.unknown) == ["git+https://***@example.org/a", "\\x1b[31mred", f"{long[:200]} ..."]


def test_other_files_are_followed_inside_the_model_alone(tmp_path: Path) -> None:
    (tmp_path / "outside.txt").write_text("secret==1.0\n")
    text = "-r more.txt\n-rdeps/other.txt\n--requirement=../outside.txt\n-r /etc/passwd\n"
    model = tmp_path / "m"
    model.mkdir()
    asks = read(model, requirements__txt=text, more__txt="a==1\n-r requirements.txt\n", deps___other__txt="b==1\n")
    assert asks.pins == ("a==1", "b==1")
    assert asks.unread == dict.fromkeys(["../outside.txt", "/etc/passwd"], "the model names it and does not hold it")


def test_files_that_mlmodel_names_and_models_inside_it_are_read(tmp_path: Path) -> None:
    conda, python = "dependencies: [{pip: [a==1]}]\n", "dependencies: [b==1]\n"
    mlmodel = "flavors: {python_function: {env: {conda: env/c.yml, virtualenv: env/p.yml}}, other: {env: gone.yaml}}\n"
    asks = read(tmp_path, MLmodel=mlmodel, env___c__yml=conda, env___p__yml=python, inner___requirements__txt="c==1\n")
    assert sorted(asks.pins) == ["a==1", "b==1", "c==1"]
    assert list(asks.unread) == ["gone.yaml"]


def test_conda_packages_cannot_be_looked_up(tmp_path: Path) -> None:
    asks = read(tmp_path, conda__yaml="dependencies: [python=3.11, numpy=1.26.4, conda-forge::scipy]\n")
    assert asks.pins == () and list(asks.unknown) == ["numpy=1.26.4", "conda-forge::scipy"]


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("requirements.txt", b"a==1\n" * 2_000_000, "larger than"),
        ("requirements.txt", b"\xff\xfe", "not UTF-8"),
        ("requirements.txt", b"".join(b"a%d==1\n" % number for number in range(2001)), "more than 2,000 packages"),
        ("conda.yaml", b"- a", "not a list"),
        ("conda.yaml", b"dependencies: a", "not a list"),
        ("conda.yaml", b"dependencies: [{pip: a}]", "not a list of text"),
        ("conda.yaml", b"dependencies: [{pip: [1.0]}]", "not a list of text"),
        ("conda.yaml", b"dependencies: [{pip: [], npm: []}]", "something else"),
        ("python_env.yaml", b"dependencies: {", ""),
        ("python_env.yaml", b"build_dependencies: a", "not a list"),
        ("MLmodel", b"flavors: [a]", "not a mapping"),
        ("MLmodel", b"a: &a [*a]", ""),
    ],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, name: str, content: bytes, why: str) -> None:
    asks = read(tmp_path, **{name.replace(".", "__"): content})
    assert list(asks.unread) == [name] and why in asks.unread[name]

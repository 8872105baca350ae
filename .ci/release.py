"""Make a release: changelog, version, wheel and sdist, each tried in a new environment. ``make release VERSION=0.2.0``

It changes files of this checkout and writes ``dist/``; to commit, tag and upload is left to you, and it prints how.
``--dry-run`` does all of it in a copy and leaves nothing behind.
"""

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from packaging.version import InvalidVersion, Version

ROOT = Path(__file__).resolve().parents[1]
#: Where the version stands: file -> the line, with the version as its group.
PLACES = {
    "pyproject.toml": re.compile(r'(?m)^version = "(.+)"$'),
    "aims_gates/__init__.py": re.compile(r'(?m)^__version__ = "(.+)"$'),
}
#: What an installed release must be able to do, in an empty folder.
TRIALS = (("--version",), ("gates", "list"), ("profile", "lint"), ("doctor",))


class ReleaseError(Exception):
    """Why there is no release, and what to do."""


def run(*command: object, folder: Path, **environment: str) -> str:
    """Run a command; gives what it prints.

    Raises:
        ReleaseError: it fails.
    """
    words = list(map(str, command))
    changed = {**os.environ, **environment}
    done = subprocess.run(words, cwd=folder, env=changed, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ReleaseError(f"{' '.join(words)}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def current(folder: Path) -> str:
    """The version that the project has."""
    project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return str(project["version"])


def check_version(folder: Path, version: str) -> None:
    """Refuse what is no later version in its normal form.

    Raises:
        ReleaseError: it is not.
    """
    before = current(folder)
    try:
        later = Version(version) > Version(before)
    except InvalidVersion as error:
        raise ReleaseError(f"{version!r} is no version. Write it as in VERSION=0.2.0.") from error
    if not later or str(Version(version)) != version:
        raise ReleaseError(f"{version} does not follow {before}. Name a later one, in its normal form.")


def check_clean(folder: Path) -> None:
    """Refuse to mix a release with other changes.

    Raises:
        ReleaseError: the checkout has changes that are not committed.
    """
    changes = run("git", "status", "--porcelain", folder=folder)
    if changes:
        raise ReleaseError(f"the checkout has changes:\n{changes}Commit them, or put them aside, first.")


@contextmanager
def copied(root: Path) -> Iterator[Path]:
    """A copy of the checkout's files, those that git ignores aside; a repository of its own, as hatchling asks git."""
    names = run("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", folder=root).split("\0")
    with tempfile.TemporaryDirectory(prefix="aims-gates-release-") as place:
        folder = Path(place) / "checkout"
        for name in filter(None, names):
            if (root / name).is_file():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(root / name, folder / name)
        run("git", "init", "--quiet", folder=folder)
        run("git", "add", "--all", folder=folder)
        yield folder


def set_version(folder: Path, version: str) -> None:
    """Write the version in each place where it stands.

    Raises:
        ReleaseError: a place is not as it was.
    """
    for name, line in PLACES.items():
        text = (folder / name).read_text(encoding="utf-8")
        match = line.findall(text)
        if match != [current(ROOT)]:
            raise ReleaseError(f"{name} has the versions {match}. It must have one, that of pyproject.toml.")
        written = line.sub(lambda old: old.group(0).replace(old.group(1), version), text)
        (folder / name).write_text(written, encoding="utf-8")


def write_changelog(folder: Path, version: str, day: str) -> str:
    """Move the fragments into CHANGELOG.md; gives the new section.

    Raises:
        ReleaseError: there is no fragment, or one has a name that is none.
    """
    fragments = [path.name for path in (folder / "changelog.d").glob("*.md") if path.name != "README.md"]
    if not fragments:
        raise ReleaseError("changelog.d holds no fragment: nothing changed since the last release.")
    run(sys.executable, "-m", "towncrier", "build", "--yes", "--version", version, "--date", day, folder=folder)
    left = [path.name for path in (folder / "changelog.d").glob("*.md") if path.name != "README.md"]
    if left:
        raise ReleaseError(f"changelog.d: {', '.join(left)}: no kind of fragment. See changelog.d/README.md.")
    section = (folder / "CHANGELOG.md").read_text(encoding="utf-8").partition("<!-- releases -->\n")[2]
    return section.strip().partition("\n## ")[0]


def digests(folder: Path) -> dict[str, str]:
    """File -> SHA-256, of every file in a folder."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


def build(folder: Path, epoch: str) -> Path:
    """Build sdist, and from it the wheel, twice; gives the folder that holds them.

    Raises:
        ReleaseError: the two differ in a byte.
    """
    out, again = folder / "dist", folder / "dist-again"
    for seed, place in enumerate((out, again)):  # another order of sets and dictionaries each time
        shutil.rmtree(place, ignore_errors=True)
        command = (sys.executable, "-m", "build", "--no-isolation", "--outdir", place)
        run(*command, folder=folder, SOURCE_DATE_EPOCH=epoch, PYTHONHASHSEED=str(seed))
    first, second = digests(out), digests(again)
    shutil.rmtree(again)
    if first != second:
        raise ReleaseError(f"two builds of the same files differ: {first} and {second}")
    return out


def constraints(folder: Path) -> str:
    """The versions of the lock, without hashes: what a new environment is made of."""
    lock = (folder / "requirements.lock").read_text(encoding="utf-8")
    return "".join(f"{line.rstrip(chr(92)).strip()}\n" for line in lock.splitlines() if re.match(r"[a-z0-9]", line))


def try_out(artifact: Path, folder: Path, version: str, offline: bool) -> None:
    """Install a wheel or an sdist in a new environment, and run it in an empty folder.

    Args:
        offline: Take dependencies from this environment, and download nothing.

    Raises:
        ReleaseError: it does not install, or does not work.
    """
    with tempfile.TemporaryDirectory(prefix="aims-gates-trial-") as place:
        environment, empty = Path(place) / "venv", Path(place) / "empty"
        empty.mkdir()
        run(sys.executable, "-m", "venv", environment, folder=empty)
        python = environment / "bin" / "python"
        install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        if offline:
            site = run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", folder=empty).strip()
            (Path(site) / "this-environment.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
            install += ["--no-index", "--no-deps", "--no-build-isolation", "--ignore-installed"]
        else:
            (Path(place) / "constraints.txt").write_text(constraints(folder))
            install += ["--constraint", Path(place) / "constraints.txt"]
        run(*install, artifact, folder=empty)
        printed = [run(environment / "bin" / "aims-gates", *words, folder=empty) for words in TRIALS]
        if version not in printed[0]:
            raise ReleaseError(f"{artifact.name} says that it is {printed[0].strip()}, not {version}")


def release(folder: Path, version: str, offline: bool) -> None:
    """Change the files, build, and try out.

    Raises:
        ReleaseError: one of it fails; nothing is published by any of it.
    """
    epoch = run("git", "log", "-1", "--format=%ct", folder=ROOT).strip()
    print(write_changelog(folder, version, datetime.now(UTC).strftime("%Y-%m-%d")))
    set_version(folder, version)
    out = build(folder, epoch)
    for artifact in sorted(out.iterdir()):
        try_out(artifact, folder, version, offline)
    print(f"\nBuilt twice (SOURCE_DATE_EPOCH={epoch}), byte for byte the same, and tried in new environments:")
    for name, digest in digests(out).items():
        print(f"  {digest}  {name}")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; gives its exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("version", help="the version to release, such as 0.2.0")
    parser.add_argument("--dry-run", action="store_true", help="do it in a copy, and leave nothing behind")
    parser.add_argument("--offline", action="store_true", help="try it out with the packages of this environment")
    options = parser.parse_args(arguments)
    try:
        check_version(ROOT, options.version)
        if options.dry_run:
            with copied(ROOT) as folder:
                release(folder, options.version, options.offline)
            print("\nA dry run: nothing was changed here.")
            return 0
        check_clean(ROOT)
        release(ROOT, options.version, options.offline)
    except ReleaseError as error:
        print(f"release: {error}", file=sys.stderr)
        return 1
    print(f"""
Nothing was committed, tagged or uploaded. Next:
  git diff HEAD                       # read it
  git commit --all --message 'release: {options.version}'
  git tag --sign v{options.version}
  git push && git push origin v{options.version}
  upload dist/* to the index""")
    return 0


if __name__ == "__main__":
    sys.exit(main())

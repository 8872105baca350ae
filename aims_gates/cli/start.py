"""``aims-gates start``: a pack from what MLflow knows of a model; with --solo on to one person's trial."""

import getpass
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

import click

from aims_gates.cli.invite import invited
from aims_gates.cli.options import echo, settings_options
from aims_gates.documents.shell import quoted
from aims_gates.documents.strict_yaml import read
from aims_gates.errors import AimsGatesError, InputError
from aims_gates.governance.records.reader import read_system
from aims_gates.settings import SCHEMES, Settings, load

if TYPE_CHECKING:
    from aims_gates.setup.try_model import Wishes

__all__ = ["command"]

Tier = Literal["minimal", "limited", "high"]
_KEY = Path("keys/solo.key")
#: What one person does alone, and nobody else has to do on trial.
_ROLES = ("policy", "ci", "developer", "owner", "on-call")
_REGISTRY = "aims+sqlite:///registry.db"
_QUIT = "q"


@click.command(epilog="Example: aims-gates start --model loans --train train.csv --data test.csv --solo")
@click.option("--model", help="The registered model's name; where none is registered, the newest that a run logged.")
@click.option("--train", help="The training set: a file, folder, glob or table.")
@click.option("--data", help="The evaluation set, which the model has not seen.")
@click.option("--target", help="The column that holds the truth. Default: proposed.")
@click.option("--sensitive", multiple=True, help="A column whose groups are compared; none for none. Repeatable.")
@click.option("--positive", help="The favourable label. Default: proposed.")
@click.option("--prediction", help="Of a model that returns several columns, the one that is its prediction.")
@click.option("--tier", type=click.Choice(["minimal", "limited", "high"]), help="Its risk tier. Default: proposed.")
@click.option("--solo", is_flag=True, help="One person's trial: key, registry, trust and binding too.")
@click.option("--yes", is_flag=True, help="Ask nothing; proposals stay proposals.")
@click.option("--invite", metavar="PERSON", help="After --solo: what a second person does, and what is approved anew.")
@settings_options
def command(
    model: str | None,
    train: str | None,
    data: str | None,
    target: str | None,
    sensitive: tuple[str, ...],
    positive: str | None,
    prediction: str | None,
    tier: str | None,
    solo: bool,
    yes: bool,
    invite: str | None,
    settings: Settings,
) -> None:
    """Start a pack in this folder from what MLflow and the data say of a model.

    Written: the system with its column roles, a draft of a suite, and the records that are due, with what is known
    filled in. What nobody has confirmed is marked as proposed, and meets nothing. On a terminal it is asked, each
    answer written at once: `q` stops, the same command goes on. Works with MLflow's own default store.

    With --solo one person tries it, under the profile starter-solo: a key, a gated registry with the model's version in
    it, trust and binding follow. What is promoted there stands on a trial grant: no control counts as met by it. With
    --invite PERSON the way from there to a profile that counts is printed; what was registered stays.
    """
    if invite is not None:
        invited(settings, model, invite)
        return
    if model is None:
        raise InputError("no model is named", where="--model", remedy="Name it: --model NAME")
    if solo:
        _embedded(settings, tier)
    from aims_gates.mlflow_plugin.client.release import use
    from aims_gates.setup.interview import open_questions
    from aims_gates.setup.start import own_system

    here = Path.cwd()
    use(settings)
    name = own_system(here, model)
    if name is None:
        from aims_gates.setup.try_model import Wishes

        wishes = Wishes(target, sensitive, positive, prediction)
        name = _written(here, model, train, data, wishes, cast("Tier | None", tier), solo)
    else:
        echo(f"going on with the system {name}, which was started here")
    trial = _on_trial(here, name, solo)
    if not yes and sys.stdin.isatty() and sys.stdout.isatty() and not _asked(here, name):
        return
    left = [question.fields[0] for question in open_questions(here, name)]
    if left:
        echo(f"proposed, and confirmed by nobody: {', '.join(left)}")
    if trial:
        version = _alone(model, name)
        _next(f"aims-gates check --model {quoted(model)}", f"aims-gates promote {quoted(model, version)}")
    else:
        asks = [f"aims-gates start --model {quoted(model)}  # on a terminal: asks what is open"] if left else []
        _next(*asks, "aims-gates records fill", f"aims-gates plan {quoted(name, '--people')}")


def _on_trial(here: Path, name: str, solo: bool) -> bool:
    """Whether the system here is on trial.

    Raises:
        InputError: it is to be, and was started without.
    """
    place = here / "records" / "systems" / name / "system.yaml"
    trial = read(place).value.get("profile") == "starter-solo"
    if solo and not trial:
        remedy = "Leave --solo out; or try it alone in another folder."
        raise InputError(f"the system {name!r} is not on trial", where=str(place), remedy=remedy)
    return bool(trial)


def _embedded(settings: Settings, tier: str | None) -> None:
    """Refuse to try alone where several people work, and at a tier that asks for more than one."""
    scheme = (settings.registry or "").partition(":")[0]
    if scheme in SCHEMES and scheme != "aims+sqlite":
        remedy = "Leave --solo out; or try in an embedded registry: --registry aims+sqlite:///registry.db"
        raise InputError(f"a trial is for an embedded registry, and {scheme} is none", where="--solo", remedy=remedy)
    if tier == "high":
        remedy = "Leave --solo out, and see who is needed: aims-gates profile list"
        raise InputError("one person alone tries tier minimal or limited, not high", where="--tier", remedy=remedy)


def _written(
    here: Path, model: str, train: str | None, data: str | None, wishes: "Wishes", tier: "Tier | None", solo: bool
) -> str:
    """Look, draft and write, or write nothing; gives the system's name."""
    from aims_gates.cli.plan import plan_of
    from aims_gates.cli.suite import propose
    from aims_gates.data import Dataset
    from aims_gates.mlflow_plugin.client.take_in import addresses
    from aims_gates.mlflow_plugin.client.targets import find_named
    from aims_gates.setup.due_records import write_due
    from aims_gates.setup.known import look
    from aims_gates.setup.start import PackDraft, files_of, system_name, write_pack

    missing = [option for option, value in (("--train", train), ("--data", data)) if not value]
    if train is None or data is None or missing:
        remedy = "Name the set it learned from and one that it has not seen: --train FILE --data FILE"
        raise InputError("data are not named", where=" and ".join(missing), remedy=remedy)
    name, (tracking, registry) = system_name(model), addresses()
    gated = registry.partition(":")[0] in SCHEMES
    known = look(model, lambda: find_named(model), train, data, wishes)
    owner = str(known.target.facts.get("run_creator") or getpass.getuser())
    suite = propose(Dataset.open(train, role="reference"))
    gates, tracks = (_from_here(address, here) for address in (registry if gated else _REGISTRY, tracking))
    draft = PackDraft(known, name, train, data, owner, gates, tracks, suite, tier, solo)
    with write_pack(here, files_of(draft, here)) as files:
        if solo:
            plan_of(load(), name)
        else:
            due = write_due(here, name, [here], datetime.now(UTC).date(), more=known.facts)
            files.extend(record.file for record in due if record.written)
    for line in (*known.declared, *known.measured, known.truth.sentence(), known.sensitive.sentence()):
        echo(f"  {line}")
    for path in files:
        echo(f"wrote {path.relative_to(here).as_posix()}")
    return name


def _from_here(address: str, here: Path) -> str:
    """A SQLite file's address, from this folder where it lies in it."""
    scheme, slashes, place = address.partition(":///")
    path = Path(place)
    inside = slashes and scheme.endswith("sqlite") and path.is_absolute() and path.is_relative_to(here)
    return f"{scheme}:///{path.relative_to(here)}" if inside else address


def _asked(here: Path, name: str) -> bool:
    """Ask what is open, each answer written at once; False where the person stopped."""
    from aims_gates.setup.interview import answer, open_questions

    questions = open_questions(here, name)
    if questions:
        echo(f"{len(questions)} questions; Enter takes what stands in brackets, {_QUIT} stops and keeps the answers")
    for place, question in enumerate(questions, 1):
        while True:
            text = click.prompt(f"{place}. {question.text}", default=question.proposal or "", type=str)
            if text.strip() == _QUIT:
                echo("stopped; the same command goes on here")
                return False
            try:
                answer(here, name, question, text)
                break
            except AimsGatesError as error:
                echo(str(error), err=True)
    return True


def _alone(model: str, name: str) -> str:
    """Key, trust, registered version and binding, as far as they are not there; gives the version."""
    from aims_gates.ledger import history
    from aims_gates.ledger.connect import open_ledger
    from aims_gates.ledger.registry_acts import bound
    from aims_gates.mlflow_plugin.client.take_in import register_newest

    if not _KEY.exists():
        _run("keys", "new", str(_KEY))
    settings, me = load(), getpass.getuser()
    registry = settings.need_registry()
    version, fresh = register_newest(settings, model)
    if fresh:
        echo(f"registered {model} version {version} in {registry}, with its run")
    with open_ledger(registry) as connection:
        trusted = history(connection).current() is not None
        binding = bound(connection, settings.workspace, model)
    if not trusted:
        roles = [word for role in _ROLES for word in ("--role", role)]
        _run("keys", "trust", str(_KEY.with_suffix(".pub")), "--person", me, *roles, "--first")
    record = read_system(Path.cwd(), name)
    if binding is None or binding.predicate.system_digest != record.digest:
        _run("bind", model, "--system", name)
    return version


def _run(*words: str) -> None:
    """Run a command of ours, shown as it would be typed."""
    from aims_gates.cli import main

    echo(f"$ aims-gates {quoted(*words)}")
    code = main(words)
    if code:
        raise click.exceptions.Exit(code)


def _next(*commands: str) -> None:
    echo("Next:")
    for place, line in enumerate(commands, 1):
        echo(f"  {place}. {line}")

"""A registry that is already in use, taken in as it stands: what is in production keeps running, owned, until a date.

Each governed alias and stage that no grant stands for is asked for as a promotion would be (nothing is written), and
then, on the word of a policy owner, gets a grant of its own kind: *adopted*, with an owner and an end. It loads; its
controls never count as met; nothing new is promoted by it.
"""

# mypy: allow-untyped-calls

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

from mlflow.exceptions import MlflowException
from sqlalchemy import Connection, inspect, text

from aims_gates.attestation.signing.envelope import sign
from aims_gates.attestation.signing.keys import Key
from aims_gates.attestation.statements.policy import Adoption, TrustedKey, TrustedUser
from aims_gates.attestation.statements.registry import Grant
from aims_gates.attestation.statements.wording import say
from aims_gates.attestation.trust_list import alike
from aims_gates.decision.halts import describe_halt
from aims_gates.decision.in_force import StatementView
from aims_gates.decision.rules import Ask, decide
from aims_gates.documents.canonical import digest, folder_digest
from aims_gates.errors import AimsGatesError, InputError, RefusedError
from aims_gates.ledger import append, history, registry_acts
from aims_gates.ledger.connect import open_database
from aims_gates.ledger.registry_acts import stopping
from aims_gates.mlflow_plugin.internals.store import workspaces_on
from aims_gates.mlflow_plugin.store.governed_names import governed_alias
from aims_gates.mlflow_plugin.store.ledger_view import Kind, free, now, stage_alias, view
from aims_gates.mlflow_plugin.store.locations import in_workspace
from aims_gates.mlflow_plugin.store.reconcile import ALIASES, STAGES, prompt_digest
from aims_gates.mlflow_plugin.store.subjects import local_folder
from aims_gates.model import Decision, ModelRef, Subject
from aims_gates.settings import DEFAULT_WORKSPACE, Settings

__all__ = ["LONGEST_DAYS", "Found", "Readings", "adopt", "readings", "survey", "take_in"]

#: An adopted version has this long to be promoted like any other.
LONGEST_DAYS = 180
#: What stands where (:attr:`Found.place`) -> digest of its bytes, or why they cannot be read.
Readings = Mapping[tuple[str, str, str, str, str], tuple[str | None, str | None]]


@dataclass(frozen=True)
class Found:
    """What stands in production without a grant.

    Attributes:
        workspace, name, version, alias: What stands there; a stage as ``stage:Production/N``.
        location: Where its bytes are.
        decision: What a promotion of it would be told now.
        digest: Of its bytes; None while nobody has read them.
        trouble: Why it cannot be adopted, if so.
        kind: Whether the name is a model's or a prompt's.
    """

    workspace: str
    name: str
    version: str
    alias: str
    location: str
    decision: Decision
    digest: str | None = None
    trouble: str | None = None
    kind: Kind = "model"

    @property
    def ref(self) -> ModelRef:
        """Which version it is."""
        return ModelRef(self.workspace, self.name, self.version)

    @property
    def place(self) -> tuple[str, str, str, str, str]:
        """What makes it this one."""
        return self.workspace, self.name, self.version, self.alias, self.location

    @property
    def missing(self) -> tuple[str, ...]:
        """What a promotion would be refused for: problems first, then controls."""
        blocked = [f"{state.control} {state.state}" for state in self.decision.controls if state.blocks]
        return (*self.decision.problems, *blocked)


def survey(connection: Connection, at: datetime, names: Collection[str] = ()) -> list[Found]:
    """Every governed alias and stage Production that no grant stands for, asked as a promotion would be.

    Args:
        connection: The registry's database.
        at: The moment.
        names: These registered models only, also where open mode leaves them to themselves; all that are governed
            when empty.

    Raises:
        InputError: the database holds no MLflow registry.
        IntegrityError: a ledger row does not hold.
    """
    if not inspect(connection).has_table("registered_model_aliases"):
        remedy = "Name the database of an MLflow registry: --registry aims+sqlite:///FILE."
        raise InputError("there is no MLflow registry in this database", remedy=remedy)
    pointing = [row for row in _pointing(connection) if not names or row[0].name in names]
    problems = [_found(connection, *row, at, opened=bool(names)) for row in pointing]
    return [problem for problem in problems if problem is not None]


def _pointing(connection: Connection) -> Iterator[tuple[ModelRef, str, str]]:
    for workspace, name, alias, version, location, source in connection.execute(text(ALIASES)).all():
        if governed_alias(alias) and version is not None:
            yield ModelRef(workspace, name, str(version)), alias, str(location or source)
    for workspace, name, _, version, location, source in connection.execute(text(STAGES)).all():
        yield ModelRef(workspace, name, str(version)), stage_alias(int(version)), str(location or source)


def _found(
    connection: Connection, ref: ModelRef, alias: str, location: str, at: datetime, *, opened: bool
) -> Found | None:
    workspace, name, version = ref.workspace, ref.name, ref.version
    rows = registry_acts.about(connection, workspace, name, version=version)
    ledger = StatementView(rows, workspace, name)
    if ledger.standing(alias, at) is not None or (free(ledger) and not opened):
        return None
    decision = decide(Ask(workspace, name, version, None, alias, at), rows)
    return Found(workspace, name, version, alias, location, decision, kind=ledger.kind)


def adopt(settings: Settings, owner: str, until: date, key: Key, names: tuple[str, ...] = ()) -> list[Found]:
    """Take in what stands: one signed adoption and one grant for each, all in one transaction.

    Args:
        settings: Where the registry is; its database is needed.
        owner: The person who answers for these versions; on the trust list, no service account.
        until: The last day, at most :data:`LONGEST_DAYS` from today.
        key: A policy owner's.
        names: These registered models only; all when empty.

    Returns:
        What was found; what has ``trouble`` was left as it is.

    Raises:
        InputError: the date is out of range.
        RefusedError: nobody on the trust list is called so, or the key may not adopt.
    """
    read = readings(settings, until, names)
    with open_database(settings.need_registry(), write=True) as connection:
        return take_in(connection, read, owner, until, key)


def readings(settings: Settings, until: date, names: Collection[str] = ()) -> Readings:
    """What :func:`survey` finds, its bytes read before anything is locked: place -> digest, or why there is none.

    Raises:
        InputError: the date is out of range.
    """
    at = now()
    left = (until - at.astimezone(UTC).date()).days
    if not 0 < left <= LONGEST_DAYS:
        last = at.date() + timedelta(days=LONGEST_DAYS)
        raise InputError(f"{until} is out of range", where="--until", remedy=f"Choose a day until {last}.")
    with open_database(settings.need_registry()) as connection:
        problems = survey(connection, at, names)
    return {problem.place: _digest(problem) for problem in problems}


def take_in(connection: Connection, read: Readings, owner: str, until: date, key: Key) -> list[Found]:
    """Adopt what was read and still stands there, in the caller's locked transaction; as :func:`adopt`."""
    at = now()
    _need_person(connection, owner)
    done: list[Found] = []
    for problem in survey(connection, at, {place[1] for place in read}) if read else ():
        if problem.place in read:
            known = _text(connection, problem) if problem.kind == "prompt" else read[problem.place]
            done.append(_adopted(connection, problem, *known, owner, until, key, at))
    return done


def _text(connection: Connection, problem: Found) -> tuple[str | None, str | None]:
    """The digest of a prompt, which stands in the registry itself, or why there is none."""
    try:
        return prompt_digest(connection, problem.ref), None
    except AimsGatesError as error:
        return None, error.message


def _digest(problem: Found) -> tuple[str | None, str | None]:
    """The digest of its bytes, or why they cannot be read; a prompt has none."""
    if problem.kind == "prompt":
        return None, None
    if problem.workspace != DEFAULT_WORKSPACE and not workspaces_on():
        return None, f"it is in workspace {problem.workspace}: set MLFLOW_ENABLE_WORKSPACES=true, as for its server"
    try:
        with in_workspace(problem.workspace), local_folder(problem.location) as folder:
            return folder_digest(folder), None
    except (AimsGatesError, MlflowException, OSError) as error:
        return None, f"its bytes cannot be read: {error}"


def _need_person(connection: Connection, owner: str) -> None:
    trust = history(connection).current()
    listed: tuple[TrustedKey | TrustedUser, ...] = (*trust.keys, *trust.users) if trust else ()
    people = {alike(user.person) for user in listed if not user.service}
    if alike(owner) not in people:
        remedy = "Name a person of the trust list: aims-gates keys list"
        raise RefusedError(f"{owner!r} is nobody on the trust list", where="--owner", remedy=remedy)


def _adopted(
    connection: Connection, entry: Found, read: str | None, trouble: str | None, owner: str, until: date, key: Key,
    at: datetime,
) -> Found:  # fmt: skip
    halt = stopping(connection, entry.workspace, entry.name, read) if read is not None else None
    if halt is not None:
        of_name = view(connection, entry.workspace, entry.name)
        trouble = f"its bytes may not be loaded: {describe_halt(of_name, halt, entry.workspace)}"
    if read is None or trouble is not None:
        return replace(entry, trouble=trouble)
    adoption = Adoption(
        entry.workspace, entry.name, entry.version, entry.alias, read, entry.location, owner, until.isoformat(),
        entry.missing,
    )  # fmt: skip
    row = append(connection, sign(say(adoption, Subject(entry.kind, read, entry.ref.label)), key), at)
    granted = Grant(
        entry.workspace, entry.name, entry.version, entry.alias, read, entry.location, "adopted", "observe",
        row.digest, digest(entry.decision), owner, until.isoformat(),
    )  # fmt: skip
    registry_acts.act(connection, granted, at, read)
    return replace(entry, digest=read)

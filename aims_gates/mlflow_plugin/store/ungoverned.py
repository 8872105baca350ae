"""What in a registry is governed by nobody, and the command that mends it: for ``aims-gates doctor --registry``."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection

from aims_gates.attestation.statements.registry import Intake
from aims_gates.decision.in_force import StatementView
from aims_gates.documents.shell import quoted
from aims_gates.ledger.registry_acts import views_of
from aims_gates.mlflow_plugin.store.governed_names import PRODUCTION, governed_alias
from aims_gates.mlflow_plugin.store.inventory import KnownModel, Places, inventory
from aims_gates.mlflow_plugin.store.ledger_view import free, now, stage_alias

__all__ = ["Gap", "gaps", "live"]


@dataclass(frozen=True)
class Gap:
    """Something that nobody answers for.

    Attributes:
        kind: ``version``, ``binding``, ``bytes`` or ``alias``.
        workspace, name, version: What it is about; the version is empty where it is about the name.
        message: What is wrong.
        command: What mends it.
        free: Whether open mode leaves the name to itself, so that nothing is wrong yet.
    """

    kind: str
    workspace: str
    name: str
    version: str
    message: str
    command: str
    free: bool = False


def live(model: KnownModel) -> dict[str, int]:
    """What of a model is in production: governed alias, or stage Production, -> version."""
    aliases = {alias: number for alias, number in model.aliases.items() if governed_alias(alias)}
    staged = {stage_alias(version.number): version.number for version in model.versions if version.stage == PRODUCTION}
    return aliases | staged


def gaps(
    connection: Connection, tracking: str | None, systems: Mapping[tuple[str, str], str], names: Collection[str] = ()
) -> list[Gap]:
    """Versions that nobody registered here, names without a binding, aliases without a grant, bytes that are gone.

    Args:
        connection: The registry's database.
        tracking: The tracking store's address, to look up where bytes are.
        systems: Workspace and name of a registered model -> the system of the packs that lists it.
        names: These registered models only; all when empty.

    Raises:
        InputError: the database holds no MLflow registry.
        IntegrityError: a ledger row does not hold.
    """
    models = [model for model in inventory(connection) if not names or model.name in names]
    views = views_of(connection, [(model.workspace, model.name) for model in models])
    result: list[Gap] = []
    for model in models:
        view = views[model.workspace, model.name]
        result += _versions(model, view)
        result += _binding(model, view, systems.get((model.workspace, model.name)))
        result += _aliases(model, view)
    for model, version, folder in Places(connection, tracking).gone(models):
        number = str(version.number)
        command = (
            f"restore {folder} from a backup; or, where nothing stands on it, delete the version with MLflow's client: "
            f"client.delete_model_version({model.name!r}, {number!r})"
        )
        message = f"version {number}: its bytes are gone from {folder}"
        result.append(Gap("bytes", model.workspace, model.name, number, message, command))
    return result


def _versions(model: KnownModel, view: StatementView) -> Iterator[Gap]:
    if model.prompt or view.kind == "prompt":
        return
    known, opened = view.registrations(), free(view)
    for version in model.versions:
        number = str(version.number)
        row = known.get(number)
        if row is None:
            command = f"aims-gates adopt {quoted(model.name, number)} --key YOUR.key"
            message = f"version {number} was registered past aims-gates on {version.created.date()}"
            yield Gap("version", model.workspace, model.name, number, message, command, opened)
        elif (row.predicate.source, row.predicate.run_id) != (version.source, version.run_id):
            how = "taken in" if isinstance(row.predicate, Intake) else "registered"
            message = f"version {number}: its source or run is not the one it was {how} with"
            command = "register the model as a new version, through aims-gates"
            yield Gap("version", model.workspace, model.name, number, message, command)


def _binding(model: KnownModel, view: StatementView, system: str | None) -> Iterator[Gap]:
    why = view.unbound()
    if why is None or model.prompt or not model.versions:
        return
    command = f"aims-gates bind {quoted(model.name, '--system', system or 'SYSTEM')} --key POLICY.key"
    if system is None:
        command = f"write its system (aims-gates init --system NAME, models: [{model.name}]), then: {command}"
    yield Gap("binding", model.workspace, model.name, "", why, command, free(view))


def _aliases(model: KnownModel, view: StatementView) -> Iterator[Gap]:
    at, opened = now(), free(view)
    for alias, number in sorted(live(model).items()):
        grant = view.standing(alias, at)
        if grant is None or grant.predicate.version != str(number):
            shown = f"stage {PRODUCTION}" if alias == stage_alias(number) else f"alias {alias!r}"
            command = f"aims-gates adopt {quoted(model.name)} --owner PERSON --until DATE --key POLICY.key"
            message = f"{shown} points at version {number}, and no grant stands for it"
            yield Gap("alias", model.workspace, model.name, str(number), message, command, opened)

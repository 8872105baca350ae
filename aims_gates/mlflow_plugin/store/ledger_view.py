"""What the registry reads from the ledger about a name, and how it speaks of its own acts there."""

from datetime import UTC, datetime
from typing import Literal

from sqlalchemy import Connection

from aims_gates import ledger
from aims_gates.attestation.trust_list import Row
from aims_gates.decision.in_force import StatementView
from aims_gates.mlflow_plugin.store.governed_names import PRODUCTION

__all__ = ["COMMON", "Kind", "free", "kind_of", "now", "stage_alias", "stands", "view"]

Kind = Literal["model", "prompt"]
#: Under which terms the rows stand that bear on every name.
COMMON = ("trust", "revocation", ledger.OPEN_MODE)


def now() -> datetime:
    """The time of an act, UTC."""
    return datetime.now(UTC)


def stage_alias(version: int) -> str:
    """How the ledger names, where it names an alias, that a version is in stage Production.

    Several versions may be there at once, so each stands by itself. No alias can be spelled like this.
    """
    return f"stage:{PRODUCTION}/{version}"


def view(connection: Connection, workspace: str, name: str, *, versions: bool = False) -> StatementView:
    """What the ledger says about a name itself: kind, binding, grants and what ended them.

    Evidence, approvals and withdrawals are left out: :func:`aims_gates.ledger.registry_acts.about` has them.

    Args:
        connection: The registry's database.
        workspace, name: The registered model.
        versions: Who registered each of them as well; there may be many.

    Raises:
        IntegrityError: a row was edited or a signature does not hold.
    """
    terms = [*COMMON, f"model {workspace}/{name}", *([f"versions {workspace}/{name}"] if versions else [])]
    return StatementView(ledger.rows(connection, terms), workspace, name)


def kind_of(view: StatementView) -> Kind:
    """The kind fixed when the name was created; a name without a record is a model, which is the stricter."""
    return view.kind


def free(view: StatementView) -> bool:
    """Whether a name behaves as in a stock registry: open mode is on for its kind, and nothing governs it.

    What was bound once is governed, whatever became of the binding, until a policy owner lets it go.
    """
    return view.open()


def stands(view: StatementView, target: str, version: int, location: str | None) -> Row | None:
    """The grant that lets a target (alias or stage) stand on exactly this version at exactly this location."""
    grant = view.standing(target, now())
    if grant is None or grant.predicate.version != str(version) or grant.predicate.location != location:
        return None
    return grant

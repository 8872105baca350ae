"""Workspaces that hold what is governed stay; what goes with one that nobody governs is on record.

MLflow deletes a workspace below its registry: with ``CASCADE`` it deletes the registered models there, with
``SET_DEFAULT`` it moves them, and where registry and runs are in two databases it leaves them behind for whoever makes
a workspace of that name again. Bindings, evidence and grants are about a name in one workspace, so none of the three
happens to a name that is governed; on the way to an answer every error refuses.
"""

# mypy: allow-untyped-calls

from collections.abc import Mapping
from typing import Any

from mlflow.entities.workspace import WorkspaceDeletionMode
from mlflow.store.model_registry.dbmodels.models import SqlRegisteredModel
from mlflow.utils.workspace_utils import DEFAULT_WORKSPACE_NAME
from sqlalchemy import select
from sqlalchemy.orm import Session

from aims_gates.decision.in_force import StatementView
from aims_gates.mlflow_plugin.internals.store import in_workspace, workspaces_on
from aims_gates.mlflow_plugin.store.ledger_view import free, kind_of, view
from aims_gates.mlflow_plugin.store.refusals import answering, refusal

__all__ = ["guard_workspaces"]

_SHOWN = 5


def guard_workspaces(store: Any) -> None:
    """Guard the deletion of workspaces in this process.

    Args:
        store: The gated registry store.
    """
    if not workspaces_on():
        return
    from aims_gates.mlflow_plugin.internals.server.handlers import replace_class, workspace_store

    spaces = workspace_store()
    replace_class(spaces, keeping(type(spaces), store))


def keeping(base: Any, store: Any) -> Any:
    """MLflow's workspace store, which deletes no workspace while a governed name of the registry is in it."""

    def delete_workspace(
        self: Any, workspace_name: str, mode: WorkspaceDeletionMode = WorkspaceDeletionMode.RESTRICT
    ) -> None:
        act = f"deleting workspace {workspace_name}"
        with answering(act, gated=True), store.primary() as session:
            views = _held(session, workspace_name)
            _refuse_governed(workspace_name, views)
        base.delete_workspace(self, workspace_name, mode)
        with answering(act, gated=True):
            _record(store, workspace_name, views, moved=mode == WorkspaceDeletionMode.SET_DEFAULT)

    return type(f"Aims{base.__name__}", (base,), {"delete_workspace": delete_workspace})


def _names(session: Session, workspace: str) -> list[str]:
    query: Any = select(SqlRegisteredModel.name).where(SqlRegisteredModel.workspace == workspace)
    return sorted(session.scalars(query))


def _held(session: Session, workspace: str) -> Mapping[str, StatementView]:
    return {name: view(session.connection(), workspace, name) for name in _names(session, workspace)}


def _refuse_governed(workspace: str, views: Mapping[str, StatementView]) -> None:
    governed = [name for name, view in views.items() if not free(view)]
    if governed:
        more = f" and {len(governed) - _SHOWN} more" if len(governed) > _SHOWN else ""
        names = f"{', '.join(governed[:_SHOWN])}{more}"
        raise refusal(
            f"workspace {workspace} is not deleted: registered models are in it ({names}).",
            title="registered models in the workspace",
            next=["delete the registered models there first, each of which the registry allows or refuses"],
        )


def _record(store: Any, workspace: str, views: Mapping[str, StatementView], *, moved: bool) -> None:
    """What became of the names that were in it; nothing where the registry, in another database, still has them."""
    with store.transaction() as transaction:
        gone = sorted(views.keys() - set(_names(transaction.session, workspace)))
        there = set(_names(transaction.session, DEFAULT_WORKSPACE_NAME)) if moved else set()
        for name in gone:
            act = f"moved to workspace {DEFAULT_WORKSPACE_NAME}" if name in there else "deleted with its workspace"
            with in_workspace(workspace):
                store._ended(transaction, name, act)
            if name in there:
                with in_workspace(DEFAULT_WORKSPACE_NAME):
                    store._created(transaction, name, kind_of(views[name]))
                    store._carry(transaction, name, name, workspace)

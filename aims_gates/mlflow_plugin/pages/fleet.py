"""All models that somebody may read, a line each."""

# mypy: allow-untyped-calls

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import Annotated, Literal

from fastapi import Query, Response
from fastapi.responses import RedirectResponse
from sqlalchemy import Connection

from aims_gates.ledger import tree_head
from aims_gates.mlflow_plugin.api.answers import caller
from aims_gates.mlflow_plugin.pages.frame import shown_page
from aims_gates.mlflow_plugin.server.live_store import Sight, reading, workspace
from aims_gates.mlflow_plugin.server.permissions import PAGES
from aims_gates.portfolio import ModelStatus, ModelView, due_of, status, views
from aims_gates.reports.view import basis_words

__all__ = ["moved", "shown"]

Column = Literal["model", "state", "tier", "profile", "basis", "version", "due"]
#: How long the lines of a ledger that nobody wrote to are shown: what changes then changes by the day.
_FRESH = timedelta(minutes=5)
_TONES = {"met": "green", "halted": "red", "unmet": "red", "break-glass": "red", "renewal": "yellow"}


@dataclass(frozen=True)
class FleetLine:
    """A model in the table.

    Attributes:
        workspace: Where it is registered.
        status: Where it stands.
        profile: The profile it is bound to; empty where it is bound to none.
        basis: How its controls are known, in words.
        halted: Whether it is halted, whatever its state says first.
    """

    workspace: str
    status: ModelStatus
    profile: str
    basis: str
    halted: bool

    @property
    def tone(self) -> str:
        """The colour of its state."""
        return _TONES.get(self.status.state.partition(" ")[0], "grey")

    def key(self, column: Column) -> tuple[bool, str, str]:
        """By what a column is sorted; what is empty comes last."""
        cells = {"profile": self.profile, "basis": self.basis, "due": self.status.next_expiry}
        text = cells[column] if column in cells else str(getattr(self.status, column))
        return not text, text.rjust(9, "0") if column == "version" else text.casefold(), self.status.model

    def matches(self, text: str) -> bool:
        """Whether the text of the filter is in one of its cells."""
        cells = (self.status.model, self.status.system, self.status.state, self.status.tier, self.profile, self.basis)
        return text.casefold() in "\n".join(cells).casefold()


@dataclass(frozen=True)
class _Lines:
    """The lines of a state of the ledger, and when they were made."""

    root: bytes
    at: datetime
    lines: tuple[FleetLine, ...]


_latest: dict[str, _Lines] = {}
_making = Lock()


def moved() -> Response:
    """To the list, which ends in a slash."""
    return RedirectResponse(f"{PAGES}/", 308)


def shown(q: Annotated[str, Query(max_length=200)] = "", sort: Column = "model", down: bool = False) -> Response:
    """The models that the caller may read: those with this text in a cell, by a column."""
    with reading() as connection:
        lines = _lines(connection)
        sight = Sight(connection, caller())
        visible = [line for line in lines.lines if sight.of((line.workspace, line.status.model))]
        listed = [line for line in visible if line.matches(q.strip())]
        listed = _sorted(listed, sort, down)
        values = {"lines": listed, "count": len(visible), "q": q, "sort": sort, "down": down}
        return shown_page("fleet.html", connection, lines.at, values)


def _sorted(lines: Sequence[FleetLine], column: Column, down: bool) -> list[FleetLine]:
    full = [line for line in lines if not line.key(column)[0]]
    empty = [line for line in lines if line.key(column)[0]]
    return sorted(full, key=lambda line: line.key(column), reverse=down) + sorted(
        empty, key=lambda line: line.key(column)
    )


def _lines(connection: Connection) -> _Lines:
    """The lines of this workspace's models, made once for each state of the ledger and a few minutes.

    Raises:
        IntegrityError: a row does not hold; nothing is said on such a ledger.
    """
    here, root, now = workspace(), tree_head(connection)[1], datetime.now(UTC)
    with _making:  # who comes meanwhile waits for the same lines instead of making them again
        latest = _latest.get(here)
        if latest is None or latest.root != root or not timedelta(0) <= now - latest.at < _FRESH:
            lines = tuple(_line(model) for model in views(connection, now) if model.workspace == here)
            _latest[here] = latest = _Lines(root, now, lines)
    return latest


def _line(model: ModelView) -> FleetLine:
    plan = model.plan
    ends = [deadline.due for deadline in due_of(model)]
    basis = basis_words(model.decision) if plan else ""
    return FleetLine(model.workspace, status(model, ends), plan.profile if plan else "", basis, model.halted)

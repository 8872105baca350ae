"""What the database itself holds of ours: tables by migration, and the triggers that guard them and MLflow's."""

from aims_gates.database.guards import OURS, attach, drop, faults
from aims_gates.database.migrate import HEAD, current, migrate
from aims_gates.database.state import State, mark, need_guarded, problems, state

__all__ = [
    "HEAD",
    "OURS",
    "State",
    "attach",
    "current",
    "drop",
    "faults",
    "mark",
    "migrate",
    "need_guarded",
    "problems",
    "state",
]

"""Eight processes promote, approve, renew and revoke at once: nothing is promoted while revoked, no row is lost.

``AIMS_GATES_SOAK_RACES`` sets the operations of each process (default 8; 2,500 make 20,000 in a long run), on each
database; ``AIMS_GATES_SOAK_SEED`` which they are (42001). They are spent on one model after the other.
"""

import os
from collections import Counter
from collections.abc import Callable
from typing import Any

from sqlalchemy import text

from aims_gates.attestation.statements.registry import Grant, Recorded
from aims_gates.attestation.statements.types import type_of
from aims_gates.decision.rules import Ask, decide
from aims_gates.ledger.connect import open_ledger
from aims_gates.ledger.registry_acts import about
from aims_gates.ledger.row import read_body
from aims_gates.ledger.table import history
from aims_gates.ledger.verify import verify
from aims_gates.mlflow_plugin.store.ledger_view import now

TIMES, PROCESSES = int(os.environ.get("AIMS_GATES_SOAK_RACES", "8")), 8
SEED = int(os.environ.get("AIMS_GATES_SOAK_SEED", "42001"))
#: Operations of a process on one model.
TURN = 50
#: Models that are tried, where on none before a promotion happened to come after its approvals.
MOST_TURNS = 8


def types_of(prepared: Any, since: int) -> Counter[str]:
    """How many rows of each type the ledger has from a position on."""
    query = text("SELECT position, body FROM aims_ledger WHERE position >= :since")
    with open_ledger(prepared.uri) as connection:
        found, keys = connection.execute(query, {"since": since}).all(), history(connection).keys()
    return Counter(read_body(body, position, keys).type for position, body in found)


def wrongly_granted(prepared: Any, name: str, subjects: dict[str, str]) -> tuple[int, list[int]]:
    """How many grants there are, and the positions of those that the ledger before them did not allow."""
    with open_ledger(prepared.uri) as connection:
        rows = {row.position: row for each in subjects.values() for row in about(connection, "default", name, each)}
    ordered, wrong = [rows[position] for position in sorted(rows)], []
    grants = [row for row in ordered if row.type == type_of(Grant)]
    for grant in grants:
        said = grant.predicate
        ask = Ask("default", name, said.version, said.digest, "production", grant.at, said.actor)
        if not decide(ask, [row for row in ordered if row.position < grant.position]).allowed:
            wrong.append(grant.position)
    assert all(row.at <= now() for row in ordered)
    return len(grants), wrong


def test_every_grant_was_right_at_its_place_in_the_ledger(
    prepared: Any, worker: Any, record_property: Callable[[str, object], None]
) -> None:
    counts, wrong, lost, left, turn = Counter[str](), [], Counter[str](), TIMES, 0
    total = 0
    while left or (not counts["promote 200"] and turn < MOST_TURNS):
        name, times = f"loan-{turn}", min(TURN, left or TIMES)
        subjects = prepared.model(name)
        since = prepared.size()
        task = prepared.task(crowd=True, keys=prepared.keys(), subjects=subjects, times=times) | {"name": name}
        answers = worker([{**task, "seed": f"{SEED} {turn} {process}"} for process in range(PROCESSES)])
        assert all(each["exit"] == 0 for each in answers), answers
        here = sum((Counter(each["counts"]) for each in answers), Counter())
        wrote = sum((Counter(each["wrote"]) for each in answers), Counter())
        wrote[type_of(Grant)] = here["promote 200"]
        wrote[type_of(Recorded)] = here["promote 200"] + here["promote 403"]
        there = types_of(prepared, since)
        lost.update((wrote - there) + (there - wrote))
        grants, bad = wrongly_granted(prepared, name, subjects)
        assert grants == here["promote 200"], "a grant for each promotion, and no other"
        wrong += bad
        counts += here
        left, turn, total = max(0, left - times), turn + 1, total + times * PROCESSES
    with open_ledger(prepared.uri) as connection:
        found = verify(connection)
    record_property("operations", counts.total())
    for what in sorted(counts):
        record_property(what, counts[what])
    record_property("rows of the ledger", found.size)
    record_property("promoted while revoked, or otherwise wrongly", len(wrong))
    record_property("rows lost or not asked for", lost.total())
    record_property("forks and other problems of the ledger", len(found.problems))
    assert (wrong, lost, found.problems) == ([], {}, ()), f"seed {SEED}"
    assert counts.total() == total and counts["promote 200"]
    assert {what.split()[1] for what in counts} <= {"200", "403", "409"}, counts
    assert prepared.story() == []

"""Eight processes promote, revoke, renew and approve at once: nothing is promoted while revoked, no row is lost.

``AIMS_GATES_SOAK_RACES`` sets the operations of each process (default 8; 2,500 make 20,000 in a long run).
"""

import os
from typing import Any

from aims_gates.authority import about
from aims_gates.decision import decide
from aims_gates.ledger.connect import open_ledger
from aims_gates.ledger.verify import verify
from aims_gates.predicates import Grant, type_of
from aims_gates.registry.acts import now
from aims_gates.standing import Ask

TIMES, PROCESSES = int(os.environ.get("AIMS_GATES_SOAK_RACES", "8")), 8


def test_every_grant_was_right_at_its_place_in_the_ledger(prepared: Any, worker: Any) -> None:
    task = prepared.task(crowd=True, keys=prepared.keys(), subjects=prepared.subjects, times=TIMES)
    answers = worker([{**task, "seed": seed} for seed in range(PROCESSES)])
    assert all(each["exit"] == 0 for each in answers), answers
    counts: dict[str, int] = {}
    for each in answers:
        for what, number in each["counts"].items():
            counts[what] = counts.get(what, 0) + number
    assert sum(counts.values()) == TIMES * PROCESSES
    assert {what.split()[1] for what in counts} <= {"200", "403", "409"}, counts
    with open_ledger(prepared.uri) as connection:
        found = verify(connection)
        rows = {row.position: row for version in prepared.subjects.values()
                for row in about(connection, "default", "loan", version)}  # fmt: skip
    assert found.ok, found.problems
    ordered = [rows[position] for position in sorted(rows)]
    grants = [row for row in ordered if row.type == type_of(Grant)]
    assert len(grants) == counts.get("promote 200", 0), "a grant for each promotion, and no other"
    for grant in grants:
        said = grant.predicate
        ask = Ask("default", "loan", said.version, said.digest, "production", grant.at, said.actor)
        before = [row for row in ordered if row.position < grant.position]
        assert decide(ask, before).allowed, f"row {grant.position} was granted against the ledger before it"
    assert all(row.at <= now() for row in ordered)

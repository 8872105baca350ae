"""A ledger of any length, quickly: rows as a registry and its people write them, appended in bulk.

One version's life is registration, evidence, request, two approvals and two refused attempts. Every row is whole and
every signature real, so that the ledger verifies; only the checks that an append makes are left out.
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, text

from aims_gates import database, ledger
from aims_gates.canonical import digest_bytes
from aims_gates.evidence import sign
from aims_gates.ledger import derived, merkle
from aims_gates.ledger.table import bearing, body_of, terms
from aims_gates.model import Evidence, Finding, Limit, Subject
from aims_gates.predicates import Approval, Recorded, Registration, Request, say

__all__ = ["grow"]

GATE = digest_bytes(b"gate")
_BATCH = 5_000


def _life(number: int, people: Any, gates: int) -> Iterator[Any]:
    name, subject = f"model-{number % 60}", digest_bytes(str(number).encode())
    about = Subject("model", subject)
    at = datetime.now(UTC).isoformat()
    yield say(Registration("default", name, str(number), "models:/m-1", None, "somebody", "test"), about)
    finding = Finding("accuracy", value=0.9, n=100, limit=Limit(">=", 0.8), outcome="pass", controls=("A.6.2.4",))
    for gate in range(gates):
        said = Evidence(f"gate-{gate}", GATE, {}, (finding,), "pass", at, {"evaluation": GATE}, {"evaluation": 100})
        yield sign(say(said, about), people("ci"))
    asked = say(Request("default", name, str(number), subject, GATE, ()), about)
    yield sign(asked, people("dev"))
    for _ in range(2):
        yield sign(say(Approval(asked.digest, "risk"), about), people("risk"))
    aims = {"workspace": "default", "name": name, "version": str(number), "allowed": False, "decision": GATE}
    for _ in range(2):
        yield say(Recorded({"id": "aims-gates"}, at, (), aims), about)


def _entries(people: Any, gates: int) -> Iterator[Any]:
    number = 0
    while True:
        number += 1
        yield from _life(number, people, gates)


def grow(connection: Connection, rows: int, people: Any, gates: int = 12) -> None:
    """Append this many rows; the caller holds the lock.

    Args:
        connection: A ledger with a trust list.
        rows: How many.
        people: Gives the key of ``ci``, ``dev`` or ``risk``, which the trust list names.
        gates: Evidence statements for each version.
    """
    database.drop(connection)
    size, frontier = ledger.table._head(connection)
    at, entries = datetime.now(UTC), _entries(people, gates)
    for start in range(size, size + rows, _BATCH):
        made, index = [], []
        for position in range(start, min(start + _BATCH, size + rows)):
            entry = next(entries)
            body = body_of(entry, at + timedelta(microseconds=position)).decode()
            leaf = merkle.leaf_hash(body.encode())
            frontier = merkle.append(frontier, position, leaf)
            made.append({"position": position, "leaf": leaf.hex(), "body": body})
            statement = entry if hasattr(entry, "digest") else ledger.table.Statement(entry.payload)
            index += [{"term": term, "position": position} for term in terms(statement)]
        connection.execute(text("INSERT INTO aims_ledger VALUES (:position, :leaf, :body)"), made)
        connection.execute(text("INSERT INTO aims_index VALUES (:term, :position)"), index)
    head = {"size": size + rows, "frontier": json.dumps([node.hex() for node in frontier])}
    connection.execute(text("UPDATE aims_head SET size = :size, frontier = :frontier"), head)
    derived.rebuild(connection, bearing(connection), size + rows)
    database.attach(connection)

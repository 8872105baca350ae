"""A ledger of any length, quickly: rows as a registry and its people write them, appended in bulk.

One version's life is registration, evidence, request, two approvals and two refused attempts. Every row is whole and
every signature real, so that the ledger verifies; only the checks that an append makes are left out. The first life is
said as everybody says things; the others are its bytes with another name, version and subject in them.
"""

import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import count, islice
from typing import Any

from sqlalchemy import Connection, text

from aims_gates import database, ledger
from aims_gates.attestation.signing.envelope import Envelope, Statement, sign
from aims_gates.attestation.statements.people import Approval, Request
from aims_gates.attestation.statements.registry import Recorded, Registration
from aims_gates.attestation.statements.wording import say
from aims_gates.documents.canonical import digest_bytes
from aims_gates.ledger import live_tables, merkle
from aims_gates.ledger.row import body_of, terms
from aims_gates.ledger.table import bearing
from aims_gates.model import Evidence, Finding, Limit, Subject

__all__ = ["grow"]

GATE = digest_bytes(b"gate")
_BATCH = 5_000
#: What stands in the first life where the others differ.
_NAME, _VERSION, _SUBJECT, _ASKED = "NAME-OF-MODEL", "7777777", f"sha256:{'5' * 64}", f"sha256:{'4' * 64}"
_Said = tuple[Statement, str | None]


def _life(gates: int) -> Iterator[_Said]:
    """The statements of one version's life, each with who signs it."""
    about = Subject("model", _SUBJECT)
    at = datetime.now(UTC).isoformat()
    yield say(Registration("default", _NAME, _VERSION, "models:/m-1", None, "somebody", "test"), about), None
    finding = Finding("accuracy", value=0.9, n=100, limit=Limit(">=", 0.8), outcome="pass", controls=("A.6.2.4",))
    for gate in range(gates):
        said = Evidence(f"gate-{gate}", GATE, {}, (finding,), "pass", at, {"evaluation": GATE}, {"evaluation": 100})
        yield say(said, about), "ci"
    yield say(Request("default", _NAME, _VERSION, _SUBJECT, GATE, ()), about), "dev"
    for word in ("yes", "yes again"):
        yield say(Approval(_ASKED, "risk", word), about), "risk"
    aims = {"workspace": "default", "name": _NAME, "version": _VERSION, "allowed": False, "decision": GATE}
    for word in ("first", "second"):
        yield say(Recorded({"id": "aims-gates"}, at, (word,), aims), about), None


class _Template:
    """A statement of the first life, and its index terms, to be said of others."""

    def __init__(self, said: _Said) -> None:
        self.made, self.signer = said
        found, own = terms(self.made), {f"statement {self.made.digest}"}
        self._terms, self._named = "\n".join(sorted(found - own)), own <= found

    def of(self, other: dict[str, str]) -> tuple[bytes, list[str]]:
        payload, found = self.made.payload.decode(), self._terms
        for old, new in other.items():
            # The digest of a subject stands in statements without its prefix.
            old, new = old.removeprefix("sha256:"), new.removeprefix("sha256:")
            payload, found = payload.replace(old, new), found.replace(old, new)
        data = payload.encode()
        return data, [*found.split("\n"), *([f"statement {digest_bytes(data)}"] if self._named else [])]


def _entries(people: Any, gates: int, models: int) -> Iterator[tuple[Envelope | Statement, list[str]]]:
    templates = [_Template(said) for said in _life(gates)]
    asked = next(each for each in templates if each.signer == "dev")
    for number in count(1):
        other = {_NAME: f"model-{number % models}", _VERSION: str(number), _SUBJECT: digest_bytes(b"%d" % number)}
        other[_ASKED] = digest_bytes(asked.of(other)[0])
        for each in templates:
            payload, found = each.of(other)
            made = Statement(payload)
            yield (sign(made, people(each.signer)) if each.signer else made), found


def _batches(rows: int, entries: Iterable[Any]) -> Iterator[list[Any]]:
    left = iter(entries)
    for start in range(0, rows, _BATCH):
        yield list(islice(left, min(_BATCH, rows - start)))


def grow(connection: Connection, rows: int, people: Any, gates: int = 12, models: int = 60) -> None:
    """Append this many rows; the caller holds the lock.

    Args:
        connection: A ledger with a trust list.
        rows: How many.
        people: Gives the key of ``ci``, ``dev`` or ``risk``, which the trust list names.
        gates: Evidence statements for each version.
        models: Registered models that the versions belong to.
    """
    database.drop(connection)
    size, frontier = ledger.table.head(connection)
    at = datetime.now(UTC)
    for entries in _batches(rows, _entries(people, gates, models)):
        made, index = [], []
        for entry, found in entries:
            body = body_of(entry, at + timedelta(microseconds=size)).decode()
            leaf = merkle.leaf_hash(body.encode())
            frontier = merkle.append(frontier, size, leaf)
            made.append({"position": size, "leaf": leaf.hex(), "body": body})
            index += [{"term": term, "position": size} for term in found]
            size += 1
        connection.execute(text("INSERT INTO aims_ledger VALUES (:position, :leaf, :body)"), made)
        connection.execute(text("INSERT INTO aims_index VALUES (:term, :position)"), index)
    head = {"size": size, "frontier": json.dumps([node.hex() for node in frontier])}
    connection.execute(text("UPDATE aims_head SET size = :size, frontier = :frontier"), head)
    live_tables.rebuild(connection, bearing(connection), size)
    database.attach(connection)

"""Routes that read: the ledger, plans, explanations, requests."""

# mypy: allow-untyped-calls

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from sqlalchemy import Connection, text

from aims_gates import __version__
from aims_gates.attestation.statements.wording import predicate_of
from aims_gates.attestation.trust_list import Row, TrustHistory
from aims_gates.decision.in_force import StatementView
from aims_gates.documents.canonical import digest, plain
from aims_gates.documents.shell import invocation
from aims_gates.errors import InputError, NotFoundError, RefusedError
from aims_gates.ledger import history, merkle, rows, tree_head
from aims_gates.ledger.row import read_body, terms
from aims_gates.ledger.table import all_terms, select
from aims_gates.ledger.verify import verify
from aims_gates.mlflow_plugin.api import shapes
from aims_gates.mlflow_plugin.api.answers import caller
from aims_gates.mlflow_plugin.api.attesting import checkpoint, maybe_key
from aims_gates.mlflow_plugin.client.explain import explain
from aims_gates.mlflow_plugin.server.live_store import Sight, need_read, reading, store, workspace
from aims_gates.mlflow_plugin.server.permissions import may_read_ledger
from aims_gates.mlflow_plugin.store.governed_names import version_number
from aims_gates.mlflow_plugin.store.locations import local_path, proxied_root
from aims_gates.mlflow_plugin.store.reconcile import reconcile
from aims_gates.model import ModelRef
from aims_gates.reports import render
from aims_gates.workflow import requests as acts

__all__ = ["add_to"]

#: A page of rows ends after so many bytes or rows.
_PAGE_BYTES, _PAGE_ROWS = 4 * 1024**2, 1000
_MOST_TERMS = 50
_LAST = 2_000_000_000
After = Annotated[int, Query(ge=-1, le=_LAST)]
Before = Annotated[int, Query(ge=0, le=_LAST)]


def add_to(router: APIRouter) -> None:
    """Add the routes."""
    router.get("/status")(status)
    router.get("/ledger")(head)
    router.get("/ledger/rows")(under_terms)
    router.get("/ledger/terms")(known_terms)
    router.get("/ledger/export")(whole)
    router.get("/ledger/verify")(verified)
    router.get("/ledger/reconcile")(reconciled)
    router.get("/ledger/consistency")(consistency)
    router.get("/ledger/inclusion")(inclusion)
    router.get("/checkpoint")(signed_head)
    router.post("/checkpoint")(signed_head)
    router.get("/statements")(statement)
    router.get("/plan")(plan)
    router.get("/explain")(explanation)
    router.get("/requests")(request_list)
    router.get("/requests/{request}")(request_shown)


def status() -> shapes.ServerStatus:
    """This server: its version and key, the ledger's head, and who you are to it."""
    who = caller()
    with reading() as connection:
        size, root = tree_head(connection)
        past = history(connection)
    trust, key = past.current(), maybe_key()
    entry = next((user for user in (trust.users if trust else ()) if user.login == who.name), None)
    user = shapes.Caller(
        name=who.name,
        via=who.via,
        admin=who.admin,
        service=who.service,
        person=entry.person if entry else None,
        roles=list(entry.roles) if entry else [],
    )
    shown = key.public if key is not None else None
    return shapes.ServerStatus(
        version=__version__, key=shown, ledger=shapes.Head(size=size, root=root.hex()), user=user
    )


def head() -> shapes.Head:
    """The ledger's size and root."""
    with reading() as connection:
        size, root = tree_head(connection)
    return shapes.Head(size=size, root=root.hex())


def under_terms(
    term: Annotated[list[shapes.Term], Query(min_length=1, max_length=_MOST_TERMS)],
    after: After = -1,
    before: Before = _LAST,
) -> shapes.LedgerPage:
    """The rows under these index terms (``model WORKSPACE/NAME``, ``subject DIGEST``, ``trust`` ...), as they stand."""
    who = caller()
    with reading() as connection:
        sight = Sight(connection, who)
        if not all(map(sight.term, term)):
            raise RefusedError(
                "you may not read one of the models asked for", remedy="Ask whoever manages it for READ."
            )
        bodies = ((position, body) for position, body in select(connection, term) if after < position < before)
        if any(term_name.startswith("subject ") for term_name in term):
            bodies = (row for row in bodies if not sight.elsewhere(predicate_of(_statement(row[1], row[0]))))
        return _page(bodies, set(term), tree_head(connection)[0])


def _page(bodies: Iterator[tuple[int, str]], expected: set[str], size: int) -> shapes.LedgerPage:
    page: list[shapes.LedgerRow] = []
    weight = 0
    for position, body in bodies:
        if page and (weight + len(body) > _PAGE_BYTES or len(page) >= _PAGE_ROWS):
            return shapes.LedgerPage(size=size, rows=page, next=page[-1].position)
        under = sorted(terms(_statement(body, position)) & expected) if expected else []
        page.append(shapes.LedgerRow(position=position, body=body, terms=under))
        weight += len(body)
    return shapes.LedgerPage(size=size, rows=page, next=None)


def _statement(body: str, position: int) -> Any:
    """The statement in a row that :func:`aims_gates.ledger.table.select` gave; the reader verifies its signature."""
    from aims_gates.attestation.signing.envelope import Envelope, Statement

    value = json.loads(body)
    if "statement" in value:
        return Statement(value["statement"].encode())
    return Statement(Envelope.from_json(value["envelope"], f"ledger row {position}").payload)


def known_terms(prefix: shapes.Term) -> shapes.Terms:
    """Index terms that begin like this, of the models you may read: ``model ``, or ``statement sha256:`` and digits."""
    start = "statement sha256:"
    if not (prefix.startswith("model ") or (prefix.startswith(start) and len(prefix) >= len(start) + 6)):
        remedy = "Ask for 'model ' or for 'statement sha256:' and at least six digits."
        raise InputError("these terms are not listed", where="prefix", remedy=remedy)
    with reading() as connection:
        sight = Sight(connection, caller())
        return shapes.Terms(terms=[term for term in all_terms(connection, prefix) if sight.term(term)])


def _need_ledger(connection: Connection) -> None:
    if not may_read_ledger(connection, caller()):
        remedy = "Ask an administrator, or a login with the role policy or auditor."
        raise RefusedError("you may not read the whole ledger", remedy=remedy)


def whole(after: After = -1, before: Before = _LAST) -> shapes.LedgerPage:
    """The rows of the whole ledger, a page at a time."""
    with reading() as connection:
        _need_ledger(connection)
        size = tree_head(connection)[0]
        query = text(
            "SELECT position, body FROM aims_ledger WHERE position > :after AND position < :before "
            "ORDER BY position LIMIT :most"
        )
        place = {"after": after, "before": min(before, size), "most": _PAGE_ROWS + 1}
        rows = ((int(position), str(body)) for position, body in connection.execute(query, place))
        return _page(rows, set(), size)


def verified() -> shapes.Verified:
    """Verify the whole ledger here. To believe no server, export it and verify the file."""
    with reading() as connection:
        _need_ledger(connection)
        verification = verify(connection)
    return shapes.Verified(
        ok=verification.ok, size=verification.size, root=verification.root, problems=list(verification.problems)
    )


def reconciled() -> shapes.Verified:
    """The registry's state (aliases, stages, bytes) against the ledger."""
    root = proxied_root()
    with reading() as connection:
        _need_ledger(connection)
        size, tree = tree_head(connection)
        problems = reconcile(connection, local_path(root) if root else None)
    return shapes.Verified(ok=not problems, size=size, root=tree.hex(), problems=problems)


def _leaves(connection: Connection, size: int) -> list[bytes]:
    have = tree_head(connection)[0]
    if size > have:
        raise NotFoundError(f"the ledger holds {have} rows", remedy="Ask about a smaller tree.")
    query = text("SELECT leaf FROM aims_ledger WHERE position < :size ORDER BY position")
    return [bytes.fromhex(leaf) for leaf in connection.execute(query, {"size": size}).scalars()]


def consistency(first: Before, second: Before) -> shapes.Proof:
    """That the tree of ``first`` rows is a prefix of that of ``second`` (RFC 6962, 2.1.2)."""
    if not 0 < first <= second:
        raise InputError("first must be at least 1 and at most second", remedy="Pass the older size first.")
    with reading() as connection:
        leaves = _leaves(connection, second)
    hashes = [part.hex() for part in merkle.consistency_proof(first, leaves)]
    return shapes.Proof(first=first, second=second, root=merkle.root(leaves).hex(), hashes=hashes)


def inclusion(position: Before, size: Before) -> shapes.Proof:
    """That a row stands in the tree of ``size`` rows (RFC 6962, 2.1.1)."""
    with reading() as connection:
        leaves = _leaves(connection, size)
    hashes = [part.hex() for part in merkle.inclusion_proof(position, leaves)]
    return shapes.Proof(first=position, second=size, root=merkle.root(leaves).hex(), hashes=hashes)


def signed_head() -> shapes.SignedStatement:
    """A checkpoint: the ledger's size and root as they are now, signed by this server. Keep it elsewhere."""
    with reading() as connection:
        envelope = checkpoint(connection, datetime.now(UTC))
    return shapes.SignedStatement.model_validate({"envelope": envelope.to_json()})


def statement(digest: shapes.Short) -> shapes.StatementPlace:
    """One statement by its digest, or the first digits of it: its row as it stands, and whose word it is."""
    with reading() as connection:
        sight = Sight(connection, caller())
        full_digest = acts.find_statement(connection, digest)
        if not sight.term(f"statement {full_digest}"):
            raise NotFoundError(f"no statement begins with {digest!r}", remedy="Take the digest from an explanation.")
        past = history(connection)
        position, body = select(connection, [f"statement {full_digest}"])[0]
        return shown(read_body(body, position, past.keys()), past, body)


def shown(row: Row, past: TrustHistory, body: str) -> shapes.StatementPlace:
    """A row of the ledger as routes answer with it."""
    at = row.at.isoformat(timespec="microseconds")
    return shapes.StatementPlace(statement=row.digest, position=row.position, at=at, body=body, by=by(row, past))


def by(row: Row, past: TrustHistory) -> list[str]:
    """The people whose word a row is."""
    return sorted({entry.person for entry in past.holders(row)})


def plan(name: shapes.Name) -> dict[str, Any]:
    """The plan that a registered model is bound to, and its digest."""
    need_read(caller(), name)
    with reading() as connection:
        terms = ("trust", "revocation", "profiles", f"model {workspace()}/{name}")
        ledger = StatementView(rows(connection, terms), workspace(), name)
    binding = ledger.binding()
    if binding is None:
        remedy = f"Run: {invocation('bind', name, options='--system SYSTEM --key POLICY.key')}"
        raise NotFoundError(f"{name!r} {ledger.unbound()}", remedy=remedy)
    result = binding.predicate.plan
    return {**plain(result), "digest": digest(result)}


def explanation(
    name: shapes.Name, version: shapes.Version, to: Annotated[str, Query(pattern="^production$")] = "production"
) -> shapes.Explanation:
    """What stands between a version and production. Bytes that nothing in the ledger names are not hashed for this."""
    need_read(caller(), name)
    makers = store().makers(name, version_number(version))
    with reading() as connection:
        report = explain(connection, ModelRef(workspace(), name, version), lambda: None, makers)
    return shapes.Explanation.model_validate(json.loads(render("json", report)))


def request_list(name: shapes.Name | None = None) -> list[shapes.RequestShown]:
    """The requests for promotion of the models you may read, newest first."""
    with reading() as connection:
        sight, past = Sight(connection, caller()), history(connection)
        rows = acts.requests(connection, name, workspace())
        visible = [row for row in rows if sight.of((row.predicate.workspace, row.predicate.name))]
        return [_request(row, past, None) for row in reversed(visible)]


def request_shown(request: shapes.Short) -> shapes.RequestShown:
    """One request, by its digest or the first digits of it, and how it stands."""
    with reading() as connection:
        row = visible_request(connection, request)
        return _request(row, history(connection), acts.request_state(connection, row))


def visible_request(connection: Connection, request: str) -> Row:
    """A request that the caller may read.

    Raises:
        NotFoundError: there is none, or it is not theirs to read.
    """
    row = acts.find_request(connection, request)
    if not Sight(connection, caller()).of((row.predicate.workspace, row.predicate.name)):
        raise NotFoundError(f"no request begins with {request!r}", remedy="See: aims-gates request list")
    return row


def _request(row: Row, past: TrustHistory, state: str | None) -> shapes.RequestShown:
    at = row.at.isoformat(timespec="seconds")
    predicate = plain(row.predicate)
    return shapes.RequestShown(
        id=row.digest, at=at, position=row.position, by=by(row, past), state=state, asked=predicate
    )

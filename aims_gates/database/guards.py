"""Triggers: what the database itself refuses, whoever writes. Each guard is a table, an event, and when to refuse.

They stop accidents, a stock MLflow server, raw SQL and an older version of aims-gates, not an owner of the database:
what an owner does past them is seen when an alias is resolved and by ``aims-gates ledger verify``. The conditions are
written in the SQL that SQLite and PostgreSQL share; ``{differs}``, ``{alias}`` and ``{today}`` are spelled for each.

Default deny, as :mod:`aims_gates.mlflow_plugin.store.governed_names`: an alias that is not one of :data:`OPEN_ALIASES`
(in ASCII, in any case) needs a grant.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, inspect, text

__all__ = ["GUARDS", "OPEN_ALIASES", "OURS", "Guard", "attach", "drop", "faults"]

#: Aliases anybody may set: they mark work in progress and promise nothing.
OPEN_ALIASES = frozenset(
    {"candidate", "challenger", "dev", "development", "qa", "shadow", "staging", "test", "testing"}
)
_OPEN = ", ".join(f"'{alias}'" for alias in sorted(OPEN_ALIASES))
#: Tables of ours; the others are MLflow's.
OURS = frozenset({"aims_head", "aims_ledger", "aims_index", "aims_grants_live", "aims_names"})

_NEXT = "(SELECT size FROM aims_head WHERE id = 1)"
_NAMED = "SELECT 1 FROM aims_names n WHERE n.workspace = NEW.workspace AND n.name = NEW.name"
_KIND = f"CASE WHEN EXISTS ({_NAMED} AND n.kind = 'prompt') THEN 'prompt' ELSE '' END"
_OPEN_MODE = (
    f"EXISTS (SELECT 1 FROM aims_names o WHERE o.workspace = '' AND o.name = {_KIND} AND o.binding IS NOT NULL)"
)
#: As :func:`aims_gates.mlflow_plugin.store.ledger_view.free`.
_FREE = f"({_OPEN_MODE} AND NOT EXISTS ({_NAMED} AND n.governed = 1))"
_LIVE = "FROM aims_grants_live g WHERE g.workspace = {row}.workspace AND g.name = {row}.name"
_THIS = f"{_LIVE} AND g.version = CAST({{row}}.version AS TEXT)"
_NOW = "(g.expires IS NULL OR g.expires >= {today})"
_ADDRESS = "coalesce(NEW.storage_location, NEW.source)"


def _live(row: str, *more: str) -> str:
    return " AND ".join([_THIS.replace("{row}", row), *more])


_STAGE = (
    "lower(trim(NEW.current_stage)) = 'production' AND NOT " + _FREE + " AND NOT EXISTS (SELECT 1 "
    + _live("NEW", "g.alias = 'stage:Production/' || CAST(NEW.version AS TEXT)", f"g.location = {_ADDRESS}", _NOW)
    + ")"
)  # fmt: skip
_ALIAS = (
    "coalesce(lower({alias}), '') NOT IN (" + _OPEN + ") AND NOT " + _FREE + " AND NOT EXISTS (SELECT 1 "
    + _live("NEW", "g.alias = NEW.alias", _NOW,
            "EXISTS (SELECT 1 FROM model_versions v WHERE v.workspace = g.workspace "
            "AND v.name = g.name AND v.version = NEW.version AND coalesce(v.storage_location, v.source) = g.location)")
    + ")"
)  # fmt: skip
_ELSEWHERE = (
    f"EXISTS (SELECT 1 {_live('NEW')}) AND NOT EXISTS (SELECT 1 {_live('NEW', f'g.location = {_ADDRESS}')})"
)  # fmt: skip
_RENAMED = "NEW.workspace {differs} OLD.workspace OR NEW.name {differs} OLD.name"


@dataclass(frozen=True)
class Guard:
    """One thing the database refuses.

    Attributes:
        name: The trigger's, without ``aims_guard_``.
        table: Whose rows it looks at.
        event: INSERT, UPDATE or DELETE, before it happens.
        when: Refuse where this holds.
        said: What the writer is told.
    """

    name: str
    table: str
    event: str
    when: str
    said: str

    @property
    def trigger(self) -> str:
        """The trigger's name."""
        return f"aims_guard_{self.name}"


_APPEND = "the ledger only grows"
_FORGED = "only the gated registry writes this table, in the transaction that appends to the ledger"
GUARDS = (
    Guard("ledger_insert", "aims_ledger", "INSERT", f"NEW.position {{differs}} {_NEXT}", _APPEND),
    Guard("ledger_update", "aims_ledger", "UPDATE", "1 = 1", _APPEND),
    Guard("ledger_delete", "aims_ledger", "DELETE", "1 = 1", _APPEND),
    Guard("index_insert", "aims_index", "INSERT", f"NEW.position {{differs}} {_NEXT}", _APPEND),
    Guard("index_update", "aims_index", "UPDATE", "1 = 1", _APPEND),
    Guard("index_delete", "aims_index", "DELETE", "1 = 1", _APPEND),
    Guard("head_insert", "aims_head", "INSERT", "EXISTS (SELECT 1 FROM aims_head)", _APPEND),
    Guard(
        "head_update",
        "aims_head",
        "UPDATE",
        "NEW.id {differs} OLD.id OR NEW.size < OLD.size "
        "OR (NEW.size {differs} OLD.size AND NEW.follows {differs} NEW.size)",
        "the ledger only grows, and only by a version of aims-gates that keeps its grants (upgrade it)",
    ),
    Guard("head_delete", "aims_head", "DELETE", "1 = 1", _APPEND),
    Guard("live_insert", "aims_grants_live", "INSERT", f"NEW.position {{differs}} {_NEXT}", _FORGED),
    Guard("live_update", "aims_grants_live", "UPDATE", "1 = 1", _FORGED),
    Guard("names_insert", "aims_names", "INSERT", f"NEW.position {{differs}} {_NEXT}", _FORGED),
    Guard("names_update", "aims_names", "UPDATE", f"NEW.position {{differs}} {_NEXT} OR {_RENAMED}", _FORGED),
    Guard("names_delete", "aims_names", "DELETE", "1 = 1", _FORGED),
    Guard("alias_insert", "registered_model_aliases", "INSERT", _ALIAS, "no grant stands for this alias"),
    Guard("alias_update", "registered_model_aliases", "UPDATE", _ALIAS, "no grant stands for this alias"),
    Guard("stage_insert", "model_versions", "INSERT", _STAGE, "no grant stands for stage Production"),
    Guard(
        "stage_update",
        "model_versions",
        "UPDATE",
        f"NEW.current_stage {{differs}} OLD.current_stage AND {_STAGE}",
        "no grant stands for stage Production",
    ),
    Guard("released_insert", "model_versions", "INSERT", _ELSEWHERE, "this version is released from another place"),
    Guard(
        "released_update",
        "model_versions",
        "UPDATE",
        f"EXISTS (SELECT 1 {_live('OLD')}) AND ({_RENAMED} OR NEW.version {{differs}} OLD.version "
        f"OR NEW.source {{differs}} OLD.source OR ({_ADDRESS} {{differs}} coalesce(OLD.storage_location, OLD.source) "
        f"AND {_ELSEWHERE}))",
        "this version is released: its name, source and storage location stay",
    ),
    Guard(
        "released_delete",
        "model_versions",
        "DELETE",
        f"EXISTS (SELECT 1 {_live('OLD')})",
        "this version is released: take its aliases away first",
    ),
    Guard(
        "bound_rename",
        "registered_models",
        "UPDATE",
        f"({_RENAMED}) AND (EXISTS (SELECT 1 {_LIVE.replace('{row}', 'OLD')}) OR EXISTS (SELECT 1 FROM aims_names n "
        "WHERE n.workspace = OLD.workspace AND n.name = OLD.name AND n.governed = 1))",
        "this name is, or was, bound to a system: evidence, approvals and grants are about it",
    ),
)
_WORDS = {
    "sqlite": {"differs": "IS NOT", "alias": "NEW.alias", "today": "date('now')"},
    "postgresql": {
        "differs": "IS DISTINCT FROM",
        "alias": 'NEW.alias COLLATE "C"',
        "today": "to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD')",
    },
}


def _when(guard: Guard, dialect: str) -> str:
    when = guard.when
    for word, spelled in _WORDS[dialect].items():
        when = when.replace(f"{{{word}}}", spelled)
    return when


def _sqlite(guard: Guard) -> str:
    return (
        f"CREATE TRIGGER {guard.trigger} BEFORE {guard.event} ON {guard.table} FOR EACH ROW\n"
        f"WHEN {_when(guard, 'sqlite')}\nBEGIN SELECT RAISE(ABORT, 'aims-gates: {guard.said}'); END"
    )


def _function(guard: Guard) -> str:
    """The body of a trigger function of PostgreSQL."""
    return (
        f"\nBEGIN\n  IF {_when(guard, 'postgresql')} THEN\n"
        f"    RAISE EXCEPTION 'aims-gates: {guard.said}' USING ERRCODE = 'check_violation';\n"
        f"  END IF;\n  RETURN {'OLD' if guard.event == 'DELETE' else 'NEW'};\nEND;\n"
    )


def _postgresql(guard: Guard) -> dict[str, str]:
    """Trigger -> its definition, as pg_get_triggerdef writes it (without the schema)."""
    rest = f"EXECUTE FUNCTION {guard.trigger}()"
    row = f"CREATE TRIGGER {guard.trigger} BEFORE {guard.event} ON {guard.table} FOR EACH ROW {rest}"
    if guard.table not in OURS or guard.event != "DELETE":
        return {guard.trigger: row}
    every = f"{guard.trigger}_all"
    return {
        guard.trigger: row,
        every: f"CREATE TRIGGER {every} BEFORE TRUNCATE ON {guard.table} FOR EACH STATEMENT {rest}",
    }


def _due(connection: Connection) -> Iterator[Guard]:
    """The guards of the tables this database has: a ledger may be older than the registry around it."""
    registry = inspect(connection).has_table("registered_model_aliases")
    return (guard for guard in GUARDS if guard.table in OURS or registry)


def attach(connection: Connection) -> None:
    """Make every guard anew."""
    drop(connection)
    for guard in _due(connection):
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql(_sqlite(guard))
            continue
        function_sql = (
            f"CREATE FUNCTION {guard.trigger}() RETURNS trigger LANGUAGE plpgsql AS $aims${_function(guard)}$aims$"
        )
        for statement in (function_sql, *_postgresql(guard).values()):
            connection.exec_driver_sql(statement)


def drop(connection: Connection) -> None:
    """Remove every trigger of ours, of other versions too."""
    if connection.dialect.name == "sqlite":
        for name in _in_sqlite(connection):
            connection.exec_driver_sql(f'DROP TRIGGER "{name}"')
        return
    # A function takes the triggers that call it along.
    for name in _in_postgresql(connection)[1]:
        connection.exec_driver_sql(f'DROP FUNCTION "{name}"() CASCADE')


def _in_sqlite(connection: Connection) -> dict[str, str]:
    query = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND name LIKE 'aims_guard_%'"
    return {row[0]: row[1] for row in connection.execute(text(query))}


def _in_postgresql(connection: Connection) -> tuple[dict[str, str], dict[str, str]]:
    """Triggers that are switched on, with their definitions; functions with their bodies."""
    triggers = text(
        "SELECT t.tgname, replace(pg_get_triggerdef(t.oid), ' ON ' || quote_ident(n.nspname) || '.', ' ON ') "
        "FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace "
        "WHERE n.nspname = current_schema() AND t.tgname LIKE 'aims_guard_%' AND t.tgenabled IN ('O', 'A')"
    )
    functions = text(
        "SELECT p.proname, p.prosrc FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace "
        "WHERE n.nspname = current_schema() AND p.proname LIKE 'aims_guard_%'"
    )
    return (
        {row[0]: row[1] for row in connection.execute(triggers)},
        {row[0]: row[1] for row in connection.execute(functions)},
    )


def faults(connection: Connection) -> list[str]:
    """The guards that are missing, switched off or changed, one sentence each."""
    if connection.dialect.name == "sqlite":
        there = _in_sqlite(connection)
        expected = {guard.trigger: (guard, _sqlite(guard)) for guard in _due(connection)}
    else:
        there, bodies = _in_postgresql(connection)
        expected = {}
        for guard in _due(connection):
            same = bodies.get(guard.trigger) == _function(guard)
            expected.update(
                {name: (guard, function_sql if same else "") for name, function_sql in _postgresql(guard).items()}
            )
    problems_found = []
    for name, (guard, sql) in expected.items():
        if there.get(name) != sql:
            how = "is not the one that belongs there" if name in there else "is missing or switched off"
            problems_found.append(f"the trigger {name} on {guard.table} {how}")
    return problems_found

"""What a request may ask for: depth, values, clauses, fields; counted in cheap, bounded scans before MLflow parses.

Each limit is far above what MLflow's client and its pages send, and far below what takes seconds or breaks a parser.
"""

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl

from aims_gates.mlflow_plugin.server.allowances import MAX_VALUES
from aims_gates.mlflow_plugin.server.bodies import Refused

__all__ = ["check_fields", "check_graphql", "check_json", "check_query", "scan"]

#: Levels of a JSON body; MLflow's own messages have fewer than ten.
MAX_DEPTH = 64
#: Bytes of a query string, and how many parameters it may have. MLflow's pages ask for 100 runs at once.
MAX_QUERY, MAX_PARAMETERS = 32 * 1024, 1_000
#: A search: characters of a filter, its ANDs and ORs, its brackets, what it is ordered by, rows of a page, items of a
#: list. SQLite joins 64 tables at most, and each clause or order may be one.
MAX_FILTER, MAX_CLAUSES, MAX_BRACKETS, MAX_ORDER, MAX_PAGE, MAX_LIST = 20_000, 40, 50, 10, 200_000, 10_000
#: A GraphQL query. MLflow itself limits its depth and aliases to 10, once it is parsed.
MAX_GRAPHQL, MAX_TOKENS, MAX_NAMES, MAX_OPEN = 20_000, 2_000, 400, 100
_FILTERS = frozenset({"filter", "filter_string", "filters", "search_filter"})
_TOKENS = re.compile(rb'[,\[\]{}]|"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
_WORDS = re.compile(r"\b(?:and|or)\b", re.IGNORECASE)
_SPLIT = "Split the request."


def scan(data: bytes, values: int = MAX_VALUES, depth: int = MAX_DEPTH) -> str | None:
    """What of a JSON text is over its limits; None where nothing is. Stops where it knows; the text need not be JSON.

    Args:
        data: UTF-8 text.
        values: How many values it may hold.
        depth: How many levels.
    """
    commas, opened = data.count(b","), data.count(b"[") + data.count(b"{")
    if opened <= depth and commas + opened <= values:
        return None
    count = level = 0
    for token in _TOKENS.finditer(data):
        mark = data[token.start()]
        if mark == ord(","):
            count += 1
        elif mark in b"[{":
            count, level = count + 1, level + 1
        elif mark in b"]}":
            level -= 1
        if level > depth:
            return f"the body has more than {depth} levels; {depth} are allowed. Flatten it."
        if count > values:
            return f"the body holds more than {values} values; {values} are allowed. {_SPLIT}"
    return None


def check_json(data: bytes) -> Any:
    """Read a body that MLflow will read as JSON; None where it is none (MLflow says what is wrong with it).

    Raises:
        Refused: 422, it is too deep or holds too much; 400, it is no UTF-8, and MLflow would guess what it is.
    """
    if b"\0" in data[:4]:
        raise Refused(400, "the body is no UTF-8 text; JSON is sent as UTF-8")
    for _ in range(2):  # old clients send JSON in a JSON string
        problem = scan(data)
        if problem:
            raise Refused(422, problem)
        try:
            value = json.loads(data)
        except (ValueError, RecursionError):
            return None
        if not isinstance(value, str):
            return value
        data = value.encode("utf-8", "surrogatepass")
    return None


def check_query(query: bytes) -> None:
    """Hold a query string against its limits.

    Raises:
        Refused: 413, it is too long; 422, it has too many parameters, or asks for too much.
    """
    if len(query) > MAX_QUERY:
        raise Refused(413, f"the query has {len(query)} bytes; {MAX_QUERY} are allowed. {_SPLIT}")
    if query.count(b"&") >= MAX_PARAMETERS:
        raise Refused(422, f"the query has more than {MAX_PARAMETERS} parameters. {_SPLIT}")
    if query:
        fields: dict[str, list[str]] = {}
        for name, value in parse_qsl(query.decode("latin-1"), keep_blank_values=True):
            fields.setdefault(name, []).append(value)
        check_fields({name: values if len(values) > 1 else values[0] for name, values in fields.items()})


def check_fields(value: Any) -> None:
    """Hold a request's fields against the limits of a search: filters, orders, pages, lists.

    Raises:
        Refused: 422.
    """
    if not isinstance(value, dict):
        return
    for name, field in value.items():
        for text in _texts(field) if name in _FILTERS else ():
            _check_filter(name, text)
        if name == "order_by":
            _check_order(field)
        if name == "max_results" and str(field).isdigit() and int(str(field)[:20]) > MAX_PAGE:
            raise Refused(422, f"max_results is over {MAX_PAGE}; ask for pages of at most so many")
        if isinstance(field, list) and len(field) > MAX_LIST:
            raise Refused(422, f"{name[:80]!a} has {len(field)} items; {MAX_LIST} are allowed. {_SPLIT}")
        for text in _documents(name, field):
            problem = scan(text.encode("utf-8", "surrogatepass"))
            if problem:
                raise Refused(422, f"{name}: {problem}")


#: Texts in which MLflow reads JSON once more.
_DOCUMENTS = frozenset({"model_json", "records", "serialized_scorer", "optimizer_config_json", "tags", "params"})


def _documents(name: str, field: Any) -> Iterator[str]:
    if name in _DOCUMENTS and isinstance(field, str):
        yield field


def _texts(field: Any) -> Iterator[str]:
    yield from (text for text in (field if isinstance(field, list) else [field]) if isinstance(text, str))


def _check_filter(name: str, text: str) -> None:
    if len(text) > MAX_FILTER:
        raise Refused(422, f"{name} has {len(text)} characters; {MAX_FILTER} are allowed. {_SPLIT}")
    clauses = sum(1 for _ in _WORDS.finditer(text)) + 1
    if clauses > MAX_CLAUSES:
        raise Refused(422, f"{name} has {clauses} clauses; {MAX_CLAUSES} are allowed. {_SPLIT}")
    if text.count("(") > MAX_BRACKETS:
        raise Refused(422, f"{name} has {text.count('(')} opening brackets; {MAX_BRACKETS} are allowed")


def _check_order(field: Any) -> None:
    orders = field if isinstance(field, list) else [field]
    if len(orders) > MAX_ORDER:
        raise Refused(422, f"order_by has {len(orders)} entries; {MAX_ORDER} are allowed")
    if any(len(text) > MAX_FILTER // MAX_ORDER for text in _texts(orders)):
        raise Refused(422, f"an entry of order_by is longer than {MAX_FILTER // MAX_ORDER} characters")


def check_graphql(value: Any) -> None:
    """Hold a GraphQL request against its limits, and see that it can be parsed: MLflow answers 500 where it cannot.

    Raises:
        Refused: 422, it is too long, deep or wide; 400, it is no request of GraphQL.
    """
    from graphql import GraphQLError, parse

    query = value.get("query") if isinstance(value, dict) else None
    if not isinstance(query, str) or not isinstance(value.get("variables") or {}, dict):
        raise Refused(400, "a GraphQL request is a JSON object with the text `query`, and `variables` as an object")
    name = value.get("operationName")
    if name is not None and not isinstance(name, str):
        raise Refused(400, "operationName must be text")
    counts = (
        (len(query), MAX_GRAPHQL, "characters"),
        (sum(query.count(mark) for mark in "{[("), MAX_OPEN, "opening brackets"),
        # Without regard to comments and strings, which can be written so that a second reader takes code for them.
        (len(re.findall(r"[_A-Za-z]\w*", query)), MAX_NAMES, "names"),
    )
    for count, most, what in counts:
        if count > most:
            raise Refused(422, f"the GraphQL query has {count} {what}; {most} are allowed. {_SPLIT}")
    try:
        parse(query, no_location=True, max_tokens=MAX_TOKENS)
    except GraphQLError as error:
        raise Refused(400, f"the GraphQL query cannot be parsed: {error.message[:200]}") from error

"""All of CEL, by celpy: what :mod:`aims_gates.packs.quick_cel` does not know, and what is wrong with an expression."""

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cache, cached_property
from typing import Any

from celpy import Environment, InterpretedRunner
from celpy.adapter import json_to_cel
from celpy.celparser import CELParseError
from celpy.celtypes import BoolType, DoubleType, IntType, ListType, MapType, StringType, TimestampType
from celpy.evaluation import CELEvalError

from aims_gates.errors import DataError, InputError
from aims_gates.packs.lacking import Lacking

__all__ = ["Interpreter"]

#: What is another on another day.
_DAILY = ("today", "now")


class _Map(MapType):
    """A mapping that remembers which of its keys were asked for in vain."""

    misses: list[str]

    def __getitem__(self, key: Any) -> Any:
        if key not in self:
            self.misses.append(str(key))
        return super().__getitem__(key)


class Interpreter:
    """Evaluates expressions on plain values, which it takes as CEL sees them.

    Args:
        values: Plain values by name; ``records`` are the records by name, some of which may stand there twice.
    """

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values
        self._misses: list[str] = []
        self._lacks: list[str] = []

    @cached_property
    def _lasting(self) -> dict[str, Any]:
        """The values that are the same on every day."""
        records = self._values["records"]
        once = {id(record): self._value(record) for record in records.values()}
        values = {name: self._value(value) for name, value in self._values.items() if name not in ("records", *_DAILY)}
        return {**values, "records": self._map({name: once[id(record)] for name, record in records.items()})}

    def _map(self, entries: Mapping[str, Any]) -> _Map:
        mapping = _Map({StringType(key): value for key, value in entries.items()})
        mapping.misses = self._misses
        return mapping

    def _value(self, plain: Any) -> Any:
        """A JSON value as CEL sees it; CEL values stay."""
        match plain:
            case MapType() | ListType() | StringType() | BoolType() | IntType() | DoubleType():
                return plain
            case bool():
                return BoolType(plain)
            case datetime():
                return TimestampType(plain)
            case dict():
                return self._map({key: self._value(part) for key, part in plain.items()})
            case list() | tuple():
                return ListType([self._value(part) for part in plain])
            case _:
                return json_to_cel(plain)

    def _telling(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def telling(*arguments: Any) -> Any:
            try:
                return self._value(function(*arguments))
            except Lacking as lacking:
                self._lacks.append(str(lacking))
                raise

        return telling

    def evaluate(
        self, expression: str, values: Mapping[str, Any], functions: Mapping[str, Any], record: str | None
    ) -> Any:
        """See :meth:`aims_gates.packs.cel.Names.evaluate`."""
        self._misses.clear()
        self._lacks.clear()
        names = {**self._lasting, **{name: self._value(values[name]) for name in _DAILY if name in values}}
        if record is not None:
            names["record"] = names["records"][StringType(record)]
        telling = {name: self._telling(function) for name, function in functions.items()}
        try:
            result = _environment().program(_tree(expression), functions=telling).evaluate(names)
        except CELParseError as error:
            raise InputError(f"the expression cannot be read: {expression}", remedy="Fix gate.yaml.") from error
        except (CELEvalError, ArithmeticError, LookupError, RecursionError, TypeError, ValueError) as error:
            if self._lacks:
                raise DataError(self._lacks[0]) from error
            if self._misses and "undeclared" not in str(error.args[:1]):
                raise DataError(f"the field {self._misses[-1]!r} is missing") from error
            raise InputError(f"cannot be judged: {error.args[0] if error.args else error} in: {expression}") from error
        return bool(result) if isinstance(result, BoolType | bool) else result


@cache
def _environment() -> Environment:
    return Environment(runner_class=InterpretedRunner)


@cache
def _tree(expression: str) -> Any:
    return _environment().compile(expression)

"""Lies about the worked example, by the shapes of its records: late, in the future, off target, contradictory."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

from aims_gates.governance.record_schemas import SHAPES
from tests.examples.faults import changed_value

from .rows import NOW, record

__all__ = ["Lie", "lies"]

NOBODY = "nobody@nowhere.example"
OTHER_DIGEST = "sha256:" + "0" * 64
PLANNED = ("due", "review_by", "next_review", "retention_until", "consent_until", "contract_ends", "delete_by",
           "end_of_support", "planned_on", "first_use", "first_use_on", "last_due")  # fmt: skip


@dataclass(frozen=True)
class Lie:
    """A place of a record, and what is written there in place of the truth.

    Attributes:
        record: Its name, as gates write it without ``system/``.
        place: Where, as ``drills.0.date``.
        kind: What the lie is: late, future, over, under, contradictory, nobody.
        value: What is written.
    """

    record: str
    place: str
    kind: str
    value: Any

    @property
    def name(self) -> str:
        """``logging:tests.date:future``, the same for every entry of a list."""
        place = ".".join(part for part in self.place.split(".") if not part.isdigit())
        return f"{self.record}:{place}:{self.kind}"

    def altered(self) -> Mapping[str, Any]:
        """The example's records with the lie in them."""
        records = dict(record().records)
        records[self.record] = changed_value(records[self.record], self.place, self.value)
        return records


def lies() -> list[Lie]:
    """All of them, in the order of the shapes; one for each place and kind."""
    return [
        lie
        for name, shape in SHAPES.items()
        if (own := name.removeprefix("system/")) in record().records
        for lie in _of_shape(own, shape, record().records[own], "")
    ]


def _of_shape(name: str, shape: type[BaseModel], value: Mapping[str, Any], before: str) -> Iterator[Lie]:
    for field, about in shape.model_fields.items():
        if field in value:
            yield from _of_type(name, about.annotation, value[field], f"{before}{field}")


def _of_type(name: str, declared: Any, value: Any, place: str) -> Iterator[Lie]:
    origin, parts = get_origin(declared), get_args(declared)
    if origin is Annotated:
        yield from _of_type(name, parts[0], value, place)
    elif origin in (Union, UnionType):
        yield from _of_type(name, next(part for part in parts if part is not NoneType), value, place)
    elif origin is tuple and isinstance(value, list):
        for index, entry in enumerate(value):
            yield from _of_type(name, parts[0], entry, f"{place}.{index}")
    elif origin is Literal:
        yield from (Lie(name, place, f"contradictory={other}", other) for other in parts if other != value)
    elif isinstance(declared, type) and issubclass(declared, BaseModel) and isinstance(value, dict):
        yield from _of_shape(name, declared, value, f"{place}.")
    else:
        yield from _of_leaf(name, value, place)


def _of_leaf(name: str, value: Any, place: str) -> Iterator[Lie]:
    if isinstance(value, bool):
        yield Lie(name, place, "contradictory", not value)
    elif isinstance(value, int | float):
        yield from (Lie(name, place, "over", value * 1000 + 1000), Lie(name, place, "under", 0)) if value else ()
    elif not isinstance(value, str):
        return
    elif "@" in value and " " not in value:
        yield Lie(name, place, "nobody", NOBODY)
    elif value.startswith("sha256:"):
        yield Lie(name, place, "contradictory", OTHER_DIGEST)
    elif len(value) == 10 and value[4] == value[7] == "-":
        ahead = place.rsplit(".", 1)[-1] in PLANNED
        yield Lie(name, place, "late", _day(-2000))
        if not ahead:
            yield Lie(name, place, "future", _day(400))


def _day(offset: int) -> str:
    return (NOW + timedelta(days=offset)).date().isoformat()

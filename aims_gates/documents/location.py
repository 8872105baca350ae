"""Where a data set lies, with what it is declared to hold: the two go together wherever it is opened."""

from collections.abc import Mapping
from typing import Any

__all__ = ["Location"]


class Location(str):
    """A path or an address, as text, that carries the declared schema of what lies there.

    Attributes:
        schema: A Table Schema as JSON values; None where none is declared.
    """

    __slots__ = ("schema",)
    schema: Mapping[str, Any] | None

    def __new__(cls, place: str, schema: Mapping[str, Any] | None = None) -> "Location":
        """A location."""
        location = super().__new__(cls, place)
        location.schema = schema
        return location

"""How one column is read."""

from dataclasses import dataclass

__all__ = ["MISSING", "PLACE", "Reading"]

#: What stands for the column in :attr:`Reading.sql`.
PLACE = "{x}"
#: Where a text cell is empty, it holds no value.
MISSING = f"nullif({PLACE}, '')"


@dataclass(frozen=True)
class Reading:
    """How one column is read.

    Attributes:
        name: The column.
        type: DuckDB's type of its values.
        sql: The values, of the column that stands for :data:`PLACE`.
        read_as: The same in words.
        check: Is true where a cell is not read so, or NULL; empty where every text is.
        format: The ``strptime`` pattern of a date or time that is not as ISO 8601 has it.
        could_be: What else it could have been, in words.
        doubt: Why no gate may use the column: more than one reading fits, and both are named; empty where one does.
        note: What is worth knowing, such as why a number stays text.
        left_out: Why the column is no data: ``index`` or ``ignored``; empty where it is.
        field: The type of Table Schema that says the same, and its properties, for a proposal.
    """

    name: str
    type: str
    sql: str = MISSING
    read_as: str = "text"
    check: str = ""
    format: str = ""
    could_be: tuple[str, ...] = ()
    doubt: str = ""
    note: str = ""
    left_out: str = ""
    field: tuple[tuple[str, str], ...] = (("type", "string"),)

    def value(self, column: str) -> str:
        """The values of a column, given as SQL."""
        return self.sql.replace(PLACE, column)

    def wrong(self, column: str) -> str:
        """Whether a cell of the column, given as SQL, is not read so; empty where every text is."""
        return self.check.replace(PLACE, column)

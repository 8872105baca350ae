"""A set's rows where a cluster (Spark) has them, for what computes there and not in SQL."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from aims_gates.data._duckdb.engine import lock

if TYPE_CHECKING:
    from aims_gates.data.dataset import Dataset

__all__ = ["rows_on_spark", "sorted_parts"]


def sorted_parts() -> int:
    """In how many parts rows come at most that the session sorts.

    Raises:
        InputError: the extra is not installed, or there is no Java.
    """
    from aims_gates.data._spark.engine import session

    return int(session().conf.get("spark.sql.shuffle.partitions"))


@contextmanager
def rows_on_spark(data: "Dataset") -> Iterator[tuple[Any, str]]:
    """The rows as Spark's data frame, in their order; and the column that has their place in the set, from 0.

    Within it the session has the settings that the numbers rest on, and its exceptions become ours.

    Args:
        data: A set that was opened with the engine ``spark``.

    Raises:
        DataError: the rows have no order, or Spark cannot read or compute them.
    """
    from aims_gates.data._spark.dialect import PLACE
    from aims_gates.data._spark.engine import session, settled, translated
    from aims_gates.data._spark.table import in_order

    with lock, settled(session()), translated(data.where):
        yield in_order(data.table), PLACE

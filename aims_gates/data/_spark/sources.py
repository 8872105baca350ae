"""What a source is, and how Spark opens it."""

from typing import Any

from aims_gates.data._duckdb.engine import lock
from aims_gates.data._duckdb.sources import open_source
from aims_gates.data._spark.engine import needed, session, translated
from aims_gates.data.schema.declared import Declared
from aims_gates.errors import InputError

__all__ = ["open_spark"]


def open_spark(source: Any, role: str, schema: Declared | None = None) -> Any:
    """Put a source on Spark.

    Args:
        source: A Spark data frame, an address of Parquet files that Spark knows (``s3a://...``), or what
            :func:`aims_gates.data._duckdb.sources.open_source` takes.
        role: For messages.
        schema: What it is declared to hold.

    Raises:
        DataError: the source is missing, damaged, or not one table.
        InputError: the extra is not installed, or there is no Java.
    """
    needed()
    from aims_gates.data._spark.files import open_files, read_files
    from aims_gates.data._spark.frames import open_frame

    frame = type(source).__module__.startswith("pyspark.")
    if schema is not None and (frame or (isinstance(source, str) and "://" in source and "#" not in source)):
        remedy = "Give its columns their types where it is made, and leave the schema out."
        raise InputError("a schema is not applied to what lies on Spark already", where="schema", remedy=remedy)
    if frame:
        return open_frame(source, f"the Spark data frame given as {role}")
    if isinstance(source, str) and "://" in source and "#" not in source:
        spark = session()
        with translated(source):
            return open_frame(read_files(spark, source), source)
    with lock:
        return open_files(open_source(source, role, schema))

"""Tables of databases: DuckDB files in place, all others through SQLAlchemy."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from aims_gates.data._duckdb.engine import (
    allow,
    connection,
    fresh_name,
    parquet,
    quote,
    quote_text,
    scratch,
    translated,
)
from aims_gates.data.tables.source import Source
from aims_gates.errors import DataError, MissingDataError

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["masked", "open_database", "open_duckdb"]

_BATCH = 65_536


def masked(url: str) -> str:
    """The URL without its password, for messages."""
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    place, _, table = url.partition("#")
    try:
        shown = make_url(place).render_as_string(hide_password=True)
    except ArgumentError:
        shown = place.split("://", 1)[0] + "://..."
    return f"{shown}#{table}" if table else shown


def open_duckdb(url: str) -> Source:
    place, _, table = url.removeprefix("duckdb:///").partition("#")
    if not Path(place).is_file():
        remedy = "Check the path: three slashes start a relative one, four an absolute one."
        raise MissingDataError("there is no such database", where=url, remedy=remedy)
    alias = fresh_name("file")
    with translated(url):
        allow([place])
        connection().execute(f"ATTACH {quote_text(place)} AS {alias} (READ_ONLY)")
        known = connection().execute(
            "SELECT table_schema, table_name FROM information_schema.tables WHERE table_catalog = ?", [alias]
        )
        names = {f"{schema}.{name}": (schema, name) for schema, name in known.fetchall()}
    match_name = names.get(table) or names.get(f"main.{table}")
    if match_name is None:
        connection().execute(f"DETACH {alias}")
        listed = ", ".join(sorted(name.removeprefix("main.") for name in names)) or "none"
        raise MissingDataError(f"there is no table {table!r}", where=url, remedy=f"Choose from: {listed}.")
    sql = f"SELECT * FROM {alias}.{quote(match_name[0])}.{quote(match_name[1])}"
    return Source(sql, url, reads=(place,), attach=(alias, place))


def open_database(url: str) -> Source:
    """A table of any SQLAlchemy database, copied in batches into a Parquet file of the scratch folder."""
    import sqlalchemy as sa
    from sqlalchemy.exc import ArgumentError, NoSuchTableError, SQLAlchemyError

    place, _, table = url.partition("#")
    where, (schema, _, name) = masked(url), table.rpartition(".")
    try:
        engine = sa.create_engine(place)
        _is_there(engine, where)
        shape = sa.Table(name, sa.MetaData(), autoload_with=engine, schema=schema or None)
        copied = _copy(engine, shape, where)
        engine.dispose()
    except NoSuchTableError as error:
        listed = ", ".join(sa.inspect(engine).get_table_names(schema=schema or None)) or "none"
        raise MissingDataError(f"there is no table {table!r}", where=where, remedy=f"Choose from: {listed}.") from error
    except (ArgumentError, SQLAlchemyError, ImportError) as error:
        reason = str(error).splitlines()[0]
        remedy = "Check the address, the driver and the rights."
        raise DataError(f"the database cannot be read: {reason}", where=where, remedy=remedy) from error
    return Source(f"SELECT * FROM {parquet([str(copied)])}", where, scratch=copied)


def _is_there(engine: Any, where: str) -> None:
    """SQLite would make an empty database of a wrong path."""
    file = engine.url.database
    if engine.dialect.name == "sqlite" and file not in (None, "", ":memory:") and not Path(file).is_file():
        remedy = "Check the path: three slashes start a relative one, four an absolute one."
        raise MissingDataError("there is no such database", where=where, remedy=remedy)


def _copy(engine: Any, shape: Any, where: str) -> Path:
    import pyarrow as pa
    from pyarrow.parquet import ParquetWriter

    schema = pa.schema([(column.name, _arrow_type(column.type)) for column in shape.columns])
    target = scratch() / f"{fresh_name('copied')}.parquet"
    try:
        with engine.connect() as reader, ParquetWriter(target, schema) as writer:
            for rows in reader.execution_options(stream_results=True).execute(shape.select()).partitions(_BATCH):
                columns = zip(zip(*rows, strict=True), schema.types, strict=True)
                writer.write_table(pa.table([pa.array(values, kind) for values, kind in columns], schema))
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        target.unlink(missing_ok=True)
        remedy = "Clean the column, or read it as text through a view."
        raise DataError(f"a column holds values of mixed types: {error}", where=where, remedy=remedy) from error
    except BaseException:
        target.unlink(missing_ok=True)
        raise
    return target


def _arrow_type(kind: Any) -> "pa.DataType":
    import datetime

    import pyarrow as pa

    try:
        python = kind.python_type
    except NotImplementedError:
        python = str
    known = {bool: pa.bool_(), int: pa.int64(), datetime.date: pa.date32(), datetime.datetime: pa.timestamp("us")}
    return pa.float64() if python.__name__ in ("float", "Decimal") else known.get(python, pa.string())

"""The Spark session: the caller's, or one quiet local session of this process."""

import os
import re
import shutil
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from aims_gates.errors import AimsGatesError, DataError, GateError, InputError

__all__ = ["needed", "session", "settled", "translated"]

_LOCAL = {
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
    "spark.log.level": "OFF",
    "spark.sql.shuffle.partitions": "4",
    "spark.sql.adaptive.enabled": "false",
}
#: What a query means, and a file that is written: the same on every session, whatever its owner set.
_MEANING = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "true",
    "spark.sql.caseSensitive": "false",
    "spark.sql.parser.escapedStringLiterals": "false",
    "spark.sql.ansi.doubleQuotedIdentifiers": "false",
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
}
_JAVA = "Install Java 17 or 21 (Debian, Ubuntu: apt-get install openjdk-17-jre-headless), or set JAVA_HOME."


def needed() -> None:
    """See that the libraries are there.

    Raises:
        InputError: the extra is not installed.
    """
    try:
        # PySpark 4.3 warns about pandas 3, of which nothing is used here.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import pyspark.sql  # noqa: F401
            import sqlglot  # noqa: F401
    except ImportError as error:
        message = f"Spark needs the extra 'spark', which is not installed ({error.name} is missing)"
        remedy = "Install it: pip install 'aims-gates[spark]'"
        raise InputError(message, where="engine spark", remedy=remedy) from error


def session() -> Any:
    """The active session, the remote one that ``SPARK_REMOTE`` names, or a new local one.

    Raises:
        InputError: there is no Java to start one.
    """
    needed()
    from pyspark.sql import SparkSession

    active = SparkSession.getActiveSession()
    if active is not None:
        return active
    if "SPARK_REMOTE" in os.environ:
        with _this_python():
            return SparkSession.builder.getOrCreate()
    home = os.environ.get("JAVA_HOME")
    if shutil.which("java", path=str(Path(home) / "bin") if home else None) is None:
        place = f"in JAVA_HOME, {home}" if home else "on the PATH"
        raise InputError(f"Spark needs a Java runtime, and there is none {place}", where="engine spark", remedy=_JAVA)
    builder = SparkSession.builder.master("local[*]").appName("aims-gates")
    for name, value in {**_LOCAL, **_MEANING}.items():
        builder = builder.config(name, value)
    with _this_python():
        return _started(builder)


@contextmanager
def _this_python() -> Iterator[None]:
    """Let a session that is started here run this interpreter's packages in its workers, unless others are named."""
    if "PYSPARK_PYTHON" in os.environ:
        yield
        return
    os.environ["PYSPARK_PYTHON"] = sys.executable
    try:
        yield
    finally:
        del os.environ["PYSPARK_PYTHON"]


def _started(builder: Any) -> Any:
    """Start Java with its standard error in a file: what it writes there is noise, unless it does not start."""
    from pyspark.errors import PySparkException

    with tempfile.TemporaryFile() as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        descriptor = os.dup(2)
        os.dup2(file.fileno(), 2)
        try:
            return builder.getOrCreate()
        except PySparkException as error:
            file.seek(0)
            words = " ".join(file.read().decode(errors="replace").split())[:300]
            message = f"Spark could not start: {words or error}"
            raise InputError(message, where="engine spark", remedy=_JAVA) from error
        finally:
            os.dup2(descriptor, 2)
            os.close(descriptor)


@contextmanager
def settled(spark: Any) -> Iterator[None]:
    """Hold the session to UTC and to standard SQL while a query runs, and give its own settings back."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        before = {name: spark.conf.get(name, None) for name in _MEANING}
        changed = {name: value for name, value in _MEANING.items() if before[name] != value}
        try:
            for name, value in changed.items():
                spark.conf.set(name, value)
            yield
        finally:
            for name in changed:
                if before[name] is None:
                    spark.conf.unset(name)
                else:
                    spark.conf.set(name, before[name])


@contextmanager
def translated(where: str) -> Iterator[None]:
    """Spark's exceptions as ours: what is wrong with the query, or with the data.

    Raises:
        DataError: the data cannot be read, or a value does not fit what is computed.
        GateError: the SQL does not fit the table; a fault of the gate, not of the data.
    """
    from py4j.protocol import Py4JError
    from pyspark.errors import AnalysisException, ParseException, PySparkException

    try:
        yield
    except AimsGatesError:
        raise
    except (AnalysisException, ParseException) as error:
        remedy = "Fix the gate's query, or the column it names."
        raise GateError(f"the query does not fit: {_first(error)}", where=where, remedy=remedy) from error
    except (PySparkException, Py4JError) as error:
        line = _first(error)
        if re.search(r"magic number|not a Parquet|Parquet|CANNOT_READ_FILE|footer", str(error)):
            remedy = "Write it again and compare its size."
            raise DataError(f"the Parquet file is cut short or damaged ({line})", where=where, remedy=remedy) from error
        raise DataError(f"Spark could not compute it: {line}", where=where, remedy="Check the source.") from error


def _first(error: BaseException) -> str:
    return " ".join(str(error).splitlines()[0].split())[:300] if str(error) else type(error).__name__

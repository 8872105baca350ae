"""Has the data moved? Each column of production against the reference, by evidently's methods.

Data: ``reference`` and ``production``. A column that was asked for and could not be measured is an error,
never absent. Sibling modules: columns (how values are read), methods (what is computed), chance (what
sampling alone does), verdict (how limits are applied).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from aims_gates import AimsGatesError, Case, DataError, Dataset, Finding, InputError, MissingDataError
from aims_gates.gatekit import cluster_sql

from .attachment import attach_html
from .bands import give_bands
from .bins import bin_shares, first_columns
from .chunks import parts_of
from .columns import Column, Floats, Part, Reading, profile, reading_of, texts
from .crosscheck import crosscheck
from .methods import BANDED, METHODS, evidently_method
from .overlap import overlaps
from .pair import Pair
from .settings import EVIDENTLY, Settings
from .streams import DETECTORS
from .together import band_together, bin_together, count_together
from .unseen import shares
from .verdict import Measured, judge

__all__ = ["run"]

#: Columns that are no features: they move by nature, or mean nothing.
_NO_FEATURES = ("timestamp", "weight", "id", "cluster", "query")
#: Columns that often exist on one side only: outcomes come late, predictions are made later.
_ONE_SIDED = ("target", "prediction", "score")
_BANDED = set(BANDED)
_BINNED = _BANDED - {"hellinger"}


def run(case: Case) -> Iterable[Finding]:
    """Findings by column (and chunk), then the share of drifted columns."""
    settings = Settings.of(case)
    reference, production = (_set(case, role) for role in ("reference", "production"))
    linked = [cluster_sql(case, data) for data in (reference, production)]
    readings, result = _readings(case, settings, reference, production)
    base = profile(Part(reference, cluster=linked[0]), readings)
    count_together(base.values())
    give_bands(base, settings.bands)
    bins: dict[str, list[Finding]] = {}
    parts, empty = parts_of(production, settings.chunk, case)
    result += empty
    family = len(readings) * len(parts)
    for part in (replace(part, cluster=linked[1]) for part in parts):
        result += _of_part(base, profile(part, readings), settings, part, bins, family)
    judged = judge([item for item in result if isinstance(item, Measured)], settings)
    verdicts = iter(judged)
    findings = [next(verdicts) if isinstance(item, Measured) else item for item in result]
    yield from findings
    if settings.crosscheck:
        yield crosscheck((reference, production), readings, settings, _of_all_rows(result))
    yield from overlaps(case, settings, production, base)
    yield from _drift_shares(findings, settings)
    yield from first_columns(bins, findings, settings.histograms)
    if settings.html:
        yield from attach_html(case, reference, production, list(readings))


def _of_all_rows(result: Iterable[Finding | Measured]) -> dict[tuple[str, str], float]:
    """Column and method -> the statistic, where it is of no chunk."""
    whole = (item for item in result if isinstance(item, Measured) and "chunk" not in item.over)
    return {(item.over["column"], item.method): item.statistic.value for item in whole}


def _set(case: Case, role: str) -> Dataset:
    if role not in case.data:
        raise MissingDataError(f"drift needs {role} data", where="data", remedy=f"Give it: --data {role}=FILE.")
    case.data[role].require()
    return case.data[role]


def _unmeasured(measure: str, over: Mapping[str, Any], error: AimsGatesError) -> Finding:
    return Finding(measure, over=dict(over), outcome="error", note=error.message, remedy=error.remedy)


def _readings(
    case: Case, settings: Settings, reference: Dataset, production: Dataset
) -> tuple[dict[str, Reading], list[Finding | Measured]]:
    """How to read each column; a finding for each that cannot be read in both sets."""
    columns = _columns(case, settings, reference, production)
    for name in settings.bands:
        if name not in columns:
            message = f"bands are given for {name!r}, which is not compared"
            raise InputError(message, where="parameter bands", remedy=f"Choose from: {', '.join(columns)}.")
    text = texts(reference, (name for name in columns if name in production.columns))
    readings: dict[str, Reading] = {}
    findings: list[Finding | Measured] = []
    for name in columns:
        try:
            reference.require(name, values=False)
            production.require(name, values=False)
            reading = reading_of(name, reference, production, name in text)
            if name in settings.bands and reading.form != "number":
                message = f"bands are given for {name!r}, which holds no numbers"
                raise DataError(message, remedy="Leave it out of bands: each of its values is a cell as it is.")
            readings[name] = reading
        except DataError as error:
            measure, over = _first(name, settings), {"column": name}
            if _may_be_absent(name, case, settings, reference, production):
                findings.append(Finding(measure, over=over, note=f"not measured: {error.message}"))
            else:
                findings.append(_unmeasured(measure, over, error))
    if not readings and not findings:
        raise DataError("no column is left to compare", where=reference.where, remedy="Name some in columns.")
    return readings, findings


def _first(name: str, settings: Settings) -> str:
    """What a finding about a column is called that no method could measure."""
    method = settings.methods_for(name)[0]
    return "drift" if method == EVIDENTLY else method


def _columns(case: Case, settings: Settings, reference: Dataset, production: Dataset) -> tuple[str, ...]:
    """The columns asked for; without any, all of either set that are features or have a method of their own."""
    if settings.columns is not None:
        return settings.columns
    left_out = _in_roles(case, _NO_FEATURES)
    named = settings.method if isinstance(settings.method, Mapping) else {}
    union = [*reference.columns, *production.columns, *named]
    return tuple(name for name in dict.fromkeys(union) if name not in left_out or name in named)


def _may_be_absent(name: str, case: Case, settings: Settings, reference: Dataset, production: Dataset) -> bool:
    """Whether nobody asked for a column that comes later than others, and one of the sets does not have it."""
    in_both = name in reference.columns and name in production.columns
    return settings.columns is None and name in _in_roles(case, _ONE_SIDED) and not in_both


def _in_roles(case: Case, roles: Iterable[str]) -> set[str]:
    return {name for role in roles for name in case.roles.get(role, ())}


def _of_part(
    base: Mapping[str, Column],
    columns: Mapping[str, Column],
    settings: Settings,
    part: Part,
    bins: dict[str, list[Finding]],
    family: int,
) -> list[Finding | Measured]:
    """Measure a part; of all of production the bins are kept too."""
    findings: list[Finding | Measured] = []
    pairs = {name: Pair(base[name], columns[name], settings.quantiles) for name in columns}
    count_together(columns.values())
    _count_bins(pairs.values(), settings)
    for name, pair in pairs.items():
        over = {"column": name} if part.chunk is None else {"column": name, "chunk": part.chunk}
        findings += _measured(pair, over, settings)
        findings += shares(pair, over, settings, family)
        if part.chunk is None and settings.histograms:
            bins[name] = _bins(pair)
        pair.forget(whole=part.chunk is None)
    return findings


def _sound(pair: Pair) -> None:
    """Refuse what no method can take.

    Raises:
        DataError: no value at all, or infinities.
    """
    for column in (pair.reference, pair.production):
        where = f"the {column.part.data.role} data"
        if not column.n:
            raise DataError(f"{column.name!r} holds no value in {where}", remedy="Fill the column, or leave it out.")
        if column.infinite:
            message = f"{column.name!r} holds {column.infinite:,} infinite values in {where}"
            raise DataError(message, remedy="Replace infinities by missing values, or by the bound they stand for.")


def _sound_pairs(pairs: Iterable[Pair]) -> Iterator[Pair]:
    for pair in pairs:
        try:
            _sound(pair)
        except DataError:
            continue
        yield pair


def _count_bins(pairs: Iterable[Pair], settings: Settings) -> None:
    """Count the bins of all columns that need them in one pass over each set."""
    kinds = _BANDED if settings.quantiles else _BINNED
    binned = [pair for pair in _sound_pairs(pairs) if pair.binned and kinds & set(settings.methods_for(pair.name))]
    if settings.quantiles:
        band_together([(pair.production, _cuts(pair, settings)) for pair in binned])
        return
    work = []
    for pair in binned:
        try:
            work.append((pair, pair.edges))
        except ValueError:
            continue
    bin_together((pair.reference, edges) for pair, edges in work)
    bin_together((pair.production, edges) for pair, edges in work)


def _cuts(pair: Pair, settings: Settings) -> Floats:
    """The cuts of a column's bands; the sorted values that gave them go, unless a method needs them again."""
    cuts = pair.bands.cuts
    if set(settings.methods_for(pair.name)) <= {*_BANDED, *DETECTORS}:
        pair.reference.forget()
    return cuts


def _measured(pair: Pair, over: Mapping[str, Any], settings: Settings) -> Iterator[Finding | Measured]:
    try:
        _sound(pair)
    except DataError as error:
        yield _unmeasured(_first(pair.name, settings), over, error)
        return
    for name in settings.methods_for(pair.name):
        name = evidently_method(pair) if name == EVIDENTLY else name
        try:
            if name in DETECTORS:
                yield settings.streams.finding(name, pair, over)
                continue
            _fits(name, pair)
            statistic = METHODS[name].measure(pair)
            yield Measured(name, over, pair.sizes, statistic, pair.reference.reading.note, pair.linked)
        except ValueError as error:
            yield _unmeasured(
                name, over, DataError(f"{name} cannot be computed: {error}", remedy="Choose another method.")
            )
        except DataError as error:
            yield _unmeasured(name, over, error)


def _fits(name: str, pair: Pair) -> None:
    """Refuse a method that does not take the column's kind of values.

    Raises:
        DataError: with the methods that do.
    """
    takes = METHODS[name].takes
    form = "number" if pair.number else "category"
    countable = form == "number" and pair.reference.few and pair.production.few
    if form in takes or (countable and "category" in takes):
        return
    fitting = ", ".join(other for other, method in METHODS.items() if form in method.takes)
    kind = "numbers" if pair.number else "categories"
    message = f"{name} does not take {pair.name!r}, which holds {kind}"
    raise DataError(message, remedy=f'Choose by column, e.g. {{"method": {{"{pair.name}": ...}}}}, from: {fitting}.')


def _bins(pair: Pair) -> list[Finding]:
    try:
        _sound(pair)
    except DataError:
        return []
    return bin_shares(pair)


def _drift_shares(findings: Iterable[Finding], settings: Settings) -> Iterator[Finding]:
    """The share of columns that drifted, for the whole or each chunk; undecided columns widen its interval."""
    chunks: dict[Any, dict[str, list[str]]] = {}
    for finding in findings:
        over = finding.over or {}
        if finding.measure in METHODS or finding.measure in DETECTORS or finding.measure == "drift":
            columns = chunks.setdefault(over.get("chunk"), {})
            if finding.outcome is not None:
                columns.setdefault(over["column"], []).append(finding.outcome)
    everywhere = chunks.pop(None, {}) if len(chunks) > 1 else {}
    for chunk, columns in chunks.items():
        yield _drift_share({**everywhere, **columns}, chunk, settings)


def _drift_share(columns: Mapping[str, list[str]], chunk: Any, settings: Settings) -> Finding:
    limit = settings.limits.get("drift_share")
    over = None if chunk is None else {"chunk": chunk}
    if not columns:
        note = "no column is under a limit"
        return Finding("drift_share", over=over, limit=limit, outcome="inconclusive" if limit else None, note=note)
    total = len(columns)
    drifted = sorted(name for name, outcomes in columns.items() if "fail" in outcomes)
    open_ones = sum("fail" not in outcomes and set(outcomes) != {"pass"} for outcomes in columns.values())
    low, high = len(drifted) / total, (len(drifted) + open_ones) / total
    note = f"{len(drifted)} of {total} columns drifted" + (f": {', '.join(drifted[:10])}" if drifted else "")
    if open_ones:
        note += f"; {open_ones} undecided"
    finding = Finding("drift_share", low, low, high, n=total, over=over, limit=limit, note=note)
    return replace(finding, outcome=limit.verdict(low, low, high)) if limit else finding

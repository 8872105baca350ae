"""Perturbed copies of evaluation rows: columns shuffled, emptied, noisy, or moved within bounds to flip a decision.

Only data are made here, from a seed; what a model says of them comes from the process of
:mod:`aims_gates.mlflow_plugin.client.predict`. A gate reads the result: robustness (noise, missing, search),
explainability (permute), security (the table of attacks that a search leaves).
"""

# mypy: allow-untyped-calls

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import Field

from aims_gates.documents.schema import StrictModel
from aims_gates.documents.strict_yaml import Document, parse, read
from aims_gates.errors import DataError, InputError

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = [
    "Ask",
    "Perturbations",
    "Search",
    "copies",
    "perturbations_of",
    "read_perturbations",
    "run_search",
    "sample",
    "search_copies",
]

Positive = Annotated[float, Field(gt=0)]


class Search(StrictModel):
    """A search for small changes that flip a decision.

    Attributes:
        bounds: Column -> how far a number may move either way, or the values that a category may take instead.
        tries: Candidates for each row in each round.
        rounds: After the first, candidates start from the one nearest to flipping; each round loads the model again.
    """

    bounds: Mapping[str, Positive | Annotated[list[str], Field(min_length=1)]] = Field(min_length=1)
    tries: int = Field(default=10, ge=1, le=1000)
    rounds: int = Field(default=2, ge=1, le=20)


class Perturbations(StrictModel):
    """What ``aims-gates predict --perturb FILE`` asks for.

    Attributes:
        seed: Of every draw.
        rows: How many evaluation rows are perturbed, drawn at random where there are more.
        permute: Columns to shuffle over the rows, each by itself: ``permute:COLUMN:1`` ...
        repeats: How many times each is shuffled.
        missing: Columns to empty, each by itself: ``missing:COLUMN``.
        noise: Numeric column -> standard deviation of the noise that is added, all of them together: ``noise``.
        search: See :class:`Search`: ``search``.
    """

    seed: int = Field(default=0, ge=0)
    rows: int = Field(default=10_000, ge=1)
    permute: tuple[str, ...] = ()
    repeats: int = Field(default=5, ge=1, le=100)
    missing: tuple[str, ...] = ()
    noise: Mapping[str, Positive] = Field(default_factory=dict)
    search: Search | None = None

    def columns(self) -> tuple[str, ...]:
        """Every column that is named."""
        bounds = tuple(self.search.bounds) if self.search else ()
        return tuple(dict.fromkeys((*self.permute, *self.missing, *self.noise, *bounds)))


def read_perturbations(path: Path) -> Perturbations:
    """Read a YAML or JSON file.

    Raises:
        InputError: it is not of this shape, or asks for nothing.
    """
    return perturbations_of(read(path), str(path))


def perturbations_of(value: Document | Mapping[str, Any], where: str) -> Perturbations:
    """What a document or a part of one asks for.

    Raises:
        InputError: it is not of this shape, or asks for nothing.
    """
    try:
        perturbations = parse(Perturbations, value, where)
    except InputError as error:
        remedy = error.remedy or "See docs/perturbations.md for what may stand there."
        raise InputError(error.message, where=error.where, remedy=remedy) from error
    if not perturbations.columns():
        remedy = "Name columns under permute, missing, noise or search.bounds."
        raise InputError("it asks for no perturbation", where=where, remedy=remedy)
    return perturbations


def sample(rows: int, perturbations: Perturbations) -> "np.ndarray[Any, Any]":
    """Places of the rows that are perturbed, ascending."""
    if rows <= perturbations.rows:
        return np.arange(rows)
    return np.sort(np.random.default_rng(perturbations.seed).choice(rows, perturbations.rows, replace=False))


def _known(features: "pa.Table", perturbations: Perturbations) -> None:
    strange = [name for name in perturbations.columns() if name not in features.column_names]
    if strange:
        remedy = f"It takes: {', '.join(features.column_names[:40])}."
        raise DataError(f"the model takes no column {strange[0]!r} that could be perturbed", remedy=remedy)


def copies(features: "pa.Table", perturbations: Perturbations) -> Iterator[tuple[str, "pa.Table"]]:
    """Name -> the rows' features, perturbed; every copy has as many rows, in the same order and of the same types.

    Raises:
        DataError: the model takes no such column, or noise is asked for what is no number.
    """
    import pyarrow as pa

    _known(features, perturbations)
    draw = np.random.default_rng([perturbations.seed, 1])
    for name in perturbations.permute:
        for repeat in range(1, perturbations.repeats + 1):
            shuffled = features.column(name).take(pa.array(draw.permutation(features.num_rows)))
            yield f"permute:{name}:{repeat}", _with(features, {name: shuffled})
    for name in perturbations.missing:
        yield f"missing:{name}", _with(features, {name: pa.nulls(features.num_rows, features.schema.field(name).type)})
    if perturbations.noise:
        noisy = {
            name: _moved(features, name, draw.normal(0, deviation, features.num_rows))
            for name, deviation in perturbations.noise.items()
        }
        yield "noise", _with(features, noisy)


def _with(features: "pa.Table", changed: Mapping[str, Any]) -> "pa.Table":
    for name, values in changed.items():
        features = features.set_column(features.schema.get_field_index(name), name, values)
    return features


def _moved(features: "pa.Table", name: str, by: "np.ndarray[Any, Any]") -> Any:
    """A numeric column plus ``by``, rounded where it holds whole numbers; missing values stay missing."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = features.schema.field(name).type
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
        remedy = "Name columns of numbers; for categories list the values that they may take (search.bounds)."
        raise DataError(f"{name!r} holds no numbers that could be moved", remedy=remedy)
    moved = pc.add(pc.cast(features.column(name), pa.float64(), safe=False), pa.array(by))
    return pc.cast(pc.round(moved) if pa.types.is_integer(kind) else moved, kind, safe=False)


def search_copies(original: "pa.Table", best: "pa.Table", search: Search, seed: int, turn: int) -> Iterator["pa.Table"]:
    """Candidates of one round: some of the bounded columns of ``best`` drawn anew, never further than the bounds.

    Half of the numbers go all the way to a bound, where flips are most likely; the others anywhere between.
    """
    draw = np.random.default_rng([seed, 2, turn])
    for _ in range(search.tries):
        candidate = best
        for name, bound in search.bounds.items():
            keep = draw.random(original.num_rows) < (0.0 if len(search.bounds) == 1 else 0.4)
            fresh = _drawn(original, name, bound, draw)
            candidate = _with(candidate, {name: _chosen(keep, best.column(name), fresh)})
        yield candidate


def _drawn(original: "pa.Table", name: str, bound: Any, draw: np.random.Generator) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    rows = original.num_rows
    if isinstance(bound, list):
        kind = original.schema.field(name).type
        try:
            values = pc.cast(pa.array(bound), kind)
        except pa.ArrowException as error:
            remedy = "List values that the column can hold; give numbers a bound instead."
            raise DataError(f"{name!r} cannot hold {bound!r}", remedy=remedy) from error
        return values.take(pa.array(draw.integers(0, len(bound), rows)))
    between, ends = draw.uniform(-bound, bound, rows), draw.choice([-bound, bound], rows)
    reach = np.where(draw.random(rows) < 0.5, ends, between)
    # Whole numbers are rounded towards where they were, so that rounding never leaves the bounds.
    if pa.types.is_integer(original.schema.field(name).type):
        reach = np.trunc(reach)
    return _moved(original, name, reach)


def _chosen(keep: "np.ndarray[Any, Any]", old: Any, new: Any) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    return pc.if_else(pa.array(keep), _whole(old), _whole(new))


def _whole(values: Any) -> Any:
    import pyarrow as pa

    return values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values


#: Asks the model: name -> features in; name -> predictions and scores out, None where it gave none.
Ask = Callable[[Mapping[str, "pa.Table"]], Mapping[str, "pa.Table | None"]]


def run_search(
    original: "pa.Table", answers: "pa.Table", perturbations: Perturbations, ask: Ask
) -> tuple["pa.Table", "pa.Table"]:
    """The rows as the search left them, and what the model says of those; flipped where any candidate flipped.

    Args:
        original: Features of the rows.
        answers: The model's ``prediction`` (and ``score``) on them.
        perturbations: Bounds, tries, rounds, seed.
        ask: See :data:`Ask`.
    """
    import pyarrow as pa

    search = perturbations.search
    assert search is not None
    _known(original, perturbations)
    best, answer = original, answers
    flipped = np.zeros(original.num_rows, bool)
    for turn in range(search.rounds):
        tried = {
            f"search-{place}": item
            for place, item in enumerate(search_copies(original, best, search, perturbations.seed, turn))
        }
        for name, result in ask(tried).items():
            if result is None:
                continue
            wrong = np.asarray(_differs(result, answers))
            better = ~flipped & (wrong | _nearer(result, answer, answers))
            at = pa.array(~better)
            best = _with(best, {c: _chosen(~better, best.column(c), tried[name].column(c)) for c in search.bounds})
            answer = pa.table(
                {
                    c: _choose(at, answer.column(c), result.column(c))
                    for c in answer.column_names
                    if c in result.column_names
                }
            )
            flipped |= wrong
        if flipped.all():
            break
    return best, answer


def _choose(keep: Any, old: Any, new: Any) -> Any:
    import pyarrow.compute as pc

    return pc.if_else(keep, _whole(old), pc.cast(_whole(new), old.type))


def _differs(answers: "pa.Table", original: "pa.Table") -> list[bool]:
    pairs = zip(answers.column("prediction").to_pylist(), original.column("prediction").to_pylist(), strict=True)
    return [a != b for a, b in pairs]


def _nearer(answers: "pa.Table", answer: "pa.Table", original: "pa.Table") -> "np.ndarray[Any, Any]":
    """Where the score has moved further from what it was than the best so far: closer to another decision."""
    if any("score" not in table.column_names for table in (answers, answer, original)):
        return np.zeros(original.num_rows, bool)
    new, old, first = (table.column("score").to_numpy() for table in (answers, answer, original))
    towards = np.where(first >= 0.5, -1, 1)
    return np.asarray((new - old) * towards > 0)

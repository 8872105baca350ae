"""Column roles proposed from names, types and a model's signature. Each says that it is proposed, and how to change it.

Nothing proposed here is ever signed: it serves a preview, and a person confirms it in ``system.yaml``.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

from aims_gates.data import Dataset
from aims_gates.errors import InputError

__all__ = ["Proposal", "labels_of", "positive_of", "sensitive_of", "target_of", "with_bands"]

#: Names of columns that hold the truth, in order of preference.
_TARGETS = ("target", "label", "y", "outcome", "class", "truth", "actual", "response")
#: Columns that pandas adds for its index.
_INDEX = re.compile(r"__index_level_\d+__|Unnamed: \d+")
#: Words in the name of a column that describe what people may not be treated differently for.
_SENSITIVE = frozenset((
    "sex", "gender", "race", "ethnicity", "ethnic", "age", "religion", "nationality", "citizenship", "disability",
    "disabled", "marital", "pregnant", "orientation", "skin", "caste",
))  # fmt: skip
#: Favourable labels, as people write them.
_FAVOURABLE = ("yes", "true", "1", "approved", "accepted", "granted", "good", "positive", "pass", "y", "t", "paid")
#: More values than this make a number a quantity: its groups are bands.
_MOST_GROUPS = 12
_MOST_LABELS = 20
_AGES = (30, 50)

Source = Literal["named", "proposed", "recorded with the run"]


@dataclass(frozen=True)
class Proposal:
    """What a role was taken to be.

    Attributes:
        role: ``target``, ``sensitive``, ``positive`` ...
        value: Columns, or a label; empty where nothing was found.
        source: Whether somebody named it.
        why: In a few words; empty where it was named.
        option: How to say otherwise.
    """

    role: str
    value: tuple[Any, ...]
    source: Source
    why: str
    option: str

    def sentence(self) -> str:
        """``target: approved (proposed: ...; change it with --target COLUMN)``."""
        what = f"{self.role}: {', '.join(map(str, self.value)) or 'none'}"
        if self.source == "named":
            return f"{what} (as named)"
        return f"{what} ({self.source}: {self.why}; change it with {self.option})"


def target_of(
    data: Dataset,
    inputs: Collection[str] | None,
    named: str | None,
    recorded: Sequence[str] = (),
    returned: Collection[str] = (),
) -> Proposal:
    """The column that holds the truth.

    Args:
        data: The evaluation set.
        inputs: The columns that the model's signature asks for; None without a signature.
        named: The column that the caller named.
        recorded: Columns that the run's parameters call the label.
        returned: Columns that the model returns: one of the same name in the data is what they predict.

    Raises:
        InputError: the column that was named is not there.
    """
    option = "--target COLUMN"
    if named is not None:
        data.require(named, values=False)
        return Proposal("target", (named,), "named", "", option)
    free = [name for name in data.columns if name not in (inputs or ()) and not _INDEX.fullmatch(name)]
    for name in recorded:
        if name in free:
            return Proposal("target", (name,), "recorded with the run", "the run's parameters name it", option)
    for names, why in _candidates(free, inputs is not None, returned):
        if names:
            return Proposal("target", (names[0],), "proposed", why, option)
    return Proposal("target", (), "proposed", _why_none(free, inputs is not None), option)


def _candidates(free: Sequence[str], signed: bool, returned: Collection[str]) -> Iterator[tuple[Sequence[str], str]]:
    """The columns that may be the target, surest first, with the reason; ``signed``: the model has a signature."""
    if signed and len(free) == 1:
        yield free, "the one column that is no input of the model"
    yield [name for name in free if name in returned], "the model returns a column of this name"
    yield [name for usual_name in _TARGETS for name in free if name.lower() == usual_name], "so such columns are called"
    rest = [name for name in free if not _SENSITIVE & set(_words(name))]
    if signed and len(rest) == 1:
        yield rest, "of the columns that are no input of the model, the one that does not describe people"


def _why_none(free: Sequence[str], signed: bool) -> str:
    if not signed:
        return "the model has no signature"
    if not free:
        return "no column that is no input of the model"
    return f"it may be any of {', '.join(free[:8])}{' ...' if len(free) > 8 else ''}"


def sensitive_of(data: Dataset, target: str | None, named: Sequence[str]) -> Proposal:
    """The columns whose groups must not be treated differently.

    Raises:
        InputError: a column that was named is not there.
    """
    option = "--sensitive COLUMN, or --sensitive none"
    if list(named) == ["none"] and "none" not in data.columns:
        return Proposal("sensitive", (), "named", "", option)
    if named:
        data.require(*named, values=False)
        return Proposal("sensitive", tuple(dict.fromkeys(named)), "named", "", option)
    columns = tuple(name for name in data.columns if name != target and _SENSITIVE & set(_words(name)))
    why = "by their names" if columns else "no column's name says so"
    return Proposal("sensitive", columns, "proposed", why, option)


def _words(name: str) -> list[str]:
    """``customerAge_years`` -> customer, age, years."""
    return [word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)]


def positive_of(data: Dataset, target: str | None, named: str | None) -> Proposal:
    """The favourable label; empty where the target has none (a quantity, or more classes than two).

    Raises:
        InputError: the target has no such label.
    """
    option = "--positive LABEL"
    labels = labels_of(data, target)
    if named is not None:
        matching = [label for label in labels if str(label) == named]
        if not matching:
            known = ", ".join(map(str, labels)) or "none"
            remedy = f"Choose from: {known}."
            raise InputError(f"the target has no label {named!r}", where="--positive", remedy=remedy)
        return Proposal("positive label", (matching[0],), "named", "", option)
    if len(labels) != 2:
        why = "the target is a quantity" if not labels else f"the target has {len(labels)} labels"
        why = why if target is not None else "there is no target"
        return Proposal("positive label", (), "proposed", why, option)
    usual = [label for name in _FAVOURABLE for label in labels if str(label).lower() == name]
    if usual:
        return Proposal("positive label", (usual[0],), "proposed", "favourable by its name", option)
    return Proposal("positive label", (labels[1],), "proposed", "the second of the two labels", option)


def labels_of(data: Dataset, target: str | None) -> list[Any]:
    """The target's labels in order; none where it is a quantity."""
    if target is None:
        return []
    column = Dataset.quote(target)
    rows = data.query(
        f"SELECT DISTINCT {column} FROM data WHERE {column} IS NOT NULL ORDER BY 1 LIMIT {_MOST_LABELS + 1}"
    )
    return [] if len(rows) > _MOST_LABELS else [label for (label,) in rows]


def with_bands(data: Dataset, columns: Sequence[str]) -> Mapping[str, str]:
    """The columns that are quantities -> the SQL of the bands that stand for their groups.

    Ages are cut at 30 and 50 where some are below and some above, other quantities at their terciles.
    """
    bands = {}
    for name in columns:
        if data.kind(name) != "numeric":
            continue
        column = Dataset.quote(name)
        if data.query(f"SELECT count(DISTINCT {column}) FROM data")[0][0] > _MOST_GROUPS:
            bands[name] = _banded(column, _cuts(data, name))
    return bands


def _cuts(data: Dataset, name: str) -> list[float]:
    column = Dataset.quote(name)
    if "age" in _words(name):
        ((least, most),) = data.query(f"SELECT min({column}), max({column}) FROM data")
        usual = [float(age) for age in _AGES if least < age <= most]
        if usual:
            return usual
    row = data.query(f"SELECT quantile_disc({column}, 1.0 / 3), quantile_disc({column}, 2.0 / 3) FROM data")[0]
    return sorted({float(cut) for cut in row})


def _banded(column: str, cuts: Sequence[float]) -> str:
    """``CASE WHEN age < 30 THEN 'under 30' WHEN age < 50 THEN '30 to under 50' ELSE '50 and over' END``."""
    names = [f"under {cuts[0]:g}"]
    names += [f"{low:g} to under {high:g}" for low, high in pairwise(cuts)]
    whens = " ".join(f"WHEN {column} < {cut!r} THEN '{name}'" for cut, name in zip(cuts, names, strict=True))
    return f"CASE WHEN {column} IS NULL THEN NULL {whens} ELSE '{cuts[-1]:g} and over' END"

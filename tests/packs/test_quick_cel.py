"""The quick reader of expressions is right or silent: where it answers at all, celpy gives the same answer."""

import copy
import random
import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aims_gates.errors import AimsGatesError
from aims_gates.governance.records.parts import parts_of
from aims_gates.governance.records.reader import read_system
from aims_gates.model import ACTS
from aims_gates.packs import cel
from aims_gates.packs.cel import Names
from aims_gates.packs.examples import write_example
from aims_gates.packs.find import find_gates
from aims_gates.packs.quick_cel import program

POLICIES = ("organization/ai_policy", "organization/use_policy")
TODAY = date(2026, 11, 17)
GATES = find_gates()
EXPRESSIONS = [
    (fact.record, expression)
    for gate in GATES.values()
    for fact in gate.manifest.facts
    for expression in (*fact.requires, *filter(None, (fact.when, fact.done)))
]
RECORD = {
    "text": "abc", "other": "abc", "whole": 3, "zero": 0, "share": 0.5, "yes": True, "no": False, "nothing": None,
    "day": "2026-01-01", "empty": "", "list": [1, 2, 3], "texts": ["a", "abc"], "mixed": [1, "abc", True],
    "entries": [{"id": "a", "day": "2026-01-01"}, {"id": "b", "day": "2026-02-01"}], "map": {"a": 1, "b": {"c": "d"}},
    "none": [], "big": 2**62,
}  # fmt: skip


def answers(names: Names, expression: str, record: str) -> tuple[Any, Any]:
    """The quick answer, and celpy's; ``...`` stands for none, and for an error."""
    part = program(expression)
    quick = slow = ...
    if part is not None:
        try:
            answer = part({**names._values, "": names._functions, "record": names.record(record)})
            quick = answer if type(answer) in (bool, str) else ...
        except Exception:  # noqa: BLE001 - any is no answer
            quick = ...
    if quick is not ...:
        try:
            slow = names._interpreter().evaluate(expression, names._values, names._functions, record)
        except AimsGatesError:
            slow = ...
    return quick, slow


def agree(names: Names, expression: str, record: str) -> bool:
    """Whether the quick one was sure; then both give the same."""
    quick, slow = answers(names, expression, record)
    if quick is ...:
        return False
    assert quick == slow, (expression, quick, slow)
    assert type(quick) is bool or isinstance(slow, str), (expression, quick, slow)
    return True


@pytest.mark.parametrize(("record", "expression"), EXPRESSIONS, ids=range(len(EXPRESSIONS)))
def test_every_expression_of_a_shipped_gate_is_known(record: str, expression: str) -> None:
    assert program(expression) is not None


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Any]:
    pack = tmp_path_factory.mktemp("example")
    write_example("credit-scoring", pack, TODAY)
    return read_system(pack, "mortgage").records


def acts(records: Mapping[str, Any]) -> dict[str, Any]:
    """One person of two acknowledged both policies and a course; nothing else was done."""
    about = {name: parts_of(name, records[name]).digests()["digest"] for name in POLICIES if name in records}
    own = [
        {"row": "sha256:2", "by": ["ann"], "person": "ann", "about": name, "digest": digest, "on": "2026-11-01"}
        for name, digest in {**about, "course data-protection": "sha256:3"}.items()
    ]
    people = {"ann": "", "bo": "2026-11-30", "gone": "2026-11-01"}
    lists = [{"row": "sha256:1", "by": ["p"], "about": "organization", "people": people, "on": "2026-10-01"}]
    return {**{kind: [] for kind in ACTS}, "acknowledgements": own, "trust_lists": lists}


def seen(records: Mapping[str, Any], day: date = TODAY) -> Names:
    params = {name: spec.default for gate in GATES.values() for name, spec in gate.manifest.parameters.items()}
    system = records["system"]
    values = {"params": params, "system": system, "facts": system.get("facts") or {}, "run": {"commit": "abc"},
              "today": day.isoformat(), "subject": "sha256:1", "first_release": False,
              "acts": acts(records)}  # fmt: skip
    return Names(day, records, values)


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every collection within a value, with each of its keys or indices."""
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in list(parts):
        yield value, key
        yield from places(part)


def test_on_the_worked_example_both_agree_and_the_quick_one_answers(records: Mapping[str, Any]) -> None:
    names = seen(records)
    known = [(record, expression) for record, expression in EXPRESSIONS if names.record(record) is not None]
    sure = [agree(names, expression, record) for record, expression in known]
    assert sum(sure) > 0.8 * len(sure) > 100


@pytest.mark.parametrize("seed", range(8))
def test_on_records_that_were_damaged_both_agree(records: Mapping[str, Any], seed: int) -> None:
    chance = random.Random(seed)
    damaged = copy.deepcopy(dict(records))
    for record in damaged.values():
        for whole, key in chance.sample(found := list(places(record)), min(len(found), 12)):
            whole[key] = chance.choice([None, True, 0, 20240101, 1.5, "", "2027-01-01", "TODO", [], {}, ["x"]])
    names = seen(damaged)
    for record, expression in chance.sample(EXPRESSIONS, 80):
        if names.record(record) is not None:
            agree(names, expression, record)
            agree(names.on(date(2027, 3, 1)), expression, record)


def _parts(names: str, *others: str) -> st.SearchStrategy[str]:
    return st.sampled_from([*(f"record.{name}" for name in names.split()), *others])


_TEXT = _parts(
    "text other day empty", '"abc"', "'a'", '""', "today", "record.map.b.c", "x", "x.id", "digest_of(record.text)"
)
_WHOLE = _parts(
    "whole zero big", "0", "1", "3", "9223372036854775807", "size(record.list)", "x", "days_since(record.day)"
)
_LIST = _parts("list texts entries none mixed nothing yes", "[]", "[1, 2]", '["abc"]', "x")
_TRUTH = _parts(
    "yes no nothing absent", "true", "false", "has(record.map.a)", "has(record.absent)", "filled(record.text)"
)
_ANY = _TEXT | _WHOLE | _LIST | _TRUTH | _parts("share nothing map absent", "0.5", "record", "records", "absent")


def _same_kind(joined: str, signs: str) -> st.SearchStrategy[str]:
    sign = st.sampled_from(signs.split())
    pairs = st.sampled_from([_TEXT, _WHOLE, _TRUTH, _ANY]).flatmap(lambda kind: st.tuples(kind, kind))
    return st.builds(lambda pair, sign: joined.format(pair[0], sign, pair[1]), pairs, sign)


_COMPARED = st.one_of(
    _same_kind("{} {} {}", "== != < <= > >="),
    st.builds("{} in {}".format, _ANY, _LIST | st.sampled_from(["record.map", "records"])),
    st.builds("{} {} {} > {}".format, _WHOLE, st.sampled_from(["+", "- ", "*"]), _WHOLE, _WHOLE),
    st.builds("{}.{}({})".format, _TEXT, st.sampled_from(["matches", "startsWith"]), _TEXT),
    st.builds("{}({}) > 0".format, st.sampled_from(["size", "double", "days_since", "days_until"]), _ANY),
    st.builds("{}[{}] == {}".format, _LIST | st.just("record.map"), _WHOLE | _TEXT, _ANY),
    st.builds("{}.filter(x, {}).size() == 1".format, _LIST, _TRUTH),
)


def _grown(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    condition = inner | st.sampled_from(["x == 1", "x.id == 'a'", "x == 'abc'"])
    return st.one_of(
        st.builds("{} {} {}".format, inner, st.sampled_from(["&&", "||"]), inner),
        st.builds("({}) {} ({})".format, inner, st.sampled_from(["&&", "||", "==", "in"]), inner),
        st.builds("!({})".format, inner),
        st.builds("({}) ? ({}) : ({})".format, inner, inner, inner),
        st.builds("{}.{}(x, {})".format, _LIST, st.sampled_from(["all", "exists"]), condition),
    )


EXPRESSION = st.recursive(_TRUTH | _COMPARED | _ANY, _grown, max_leaves=8)
NAMES = Names(TODAY, {"it": RECORD}, {"today": TODAY.isoformat()})


@given(EXPRESSION)
def test_on_any_expression_both_agree(expression: str) -> None:
    agree(NAMES, expression, "it")


@pytest.mark.parametrize(
    ("expression", "answer"),
    [
        ("record.whole == 3 && !record.no", True),
        ('record.text in record.texts && "a" in record.map', True),
        ("record.entries.exists(e, e.id == 'b' && days_since(e.day) > 200)", True),
        ("has(record.map.a) && !has(record.map.z)", True),
        ('has(records["it"].map) ? record.whole * 2 + 1 == 7 : false', True),
        ("record.entries.filter(e, e.id == 'a').size() == 1", True),
        ("record.text.matches('^a.c$') && record.text.startsWith('ab')", True),
        ("record.list.all(n, n < 3)", False),
        ("record.text", "abc"),
    ],
)
def test_what_is_known_is_answered(expression: str, answer: Any) -> None:
    assert answers(NAMES, expression, "it") == (answer, answer)


@pytest.mark.parametrize(
    "expression",
    ["record.absent == 1", "record.whole == 'abc'", "record.whole == 3.0", "record.text < 3", "record.nothing == null",
     "record.yes + 1 == 2", "record.big + record.big > 0", "2 in record.mixed", "record.whole",
     "record.list[3] == 1", "record.list[-1] == 1", "days_since(record.yes) > 0", "record.nothing || true",
     "record.absent || false", "record.whole in record.yes"],
)  # fmt: skip
def test_what_may_be_read_in_two_ways_is_left_to_celpy(expression: str) -> None:
    assert answers(NAMES, expression, "it")[0] is ...


@pytest.mark.parametrize(
    ("expression", "true"),
    [
        ("days_since(record.text) > 0", False),
        ("days_since(record.text) > 0 || true", True),
        ("true || days_since(record.text) > 0", True),
        ("record.entries.exists(e, days_since(e.id) > 0 || e.id == 'b')", True),
        ("record.yes && days_since(record.day) >= 0", True),
        ("record.whole", False),
        ("record.absent == 1", False),
        ("(((", False),
    ],
)
def test_what_is_true_is_told_without_celpy_only_where_no_other_part_could_decide(expression: str, true: bool) -> None:
    assert NAMES.is_true(expression, "it") is true


@pytest.mark.parametrize(
    "text",
    ["a b", "1 -1", "r'a' == 'a'", r"'a\n' == ''", "1u == 1u", "0x1 == 1", "1e3 > 1.0", "{'a': 1}.a == 1",
     "1 / 1 == 1", "record.list.map(x, x) == []", "", "true true", "(true", "record.", "x.all(1, true)",
     "-record.whole == 3", "(" * 60 + "true" + ")" * 60, "b'a' == b'a'", "// a\ntrue", "a.package == 1"],
)  # fmt: skip
def test_what_is_not_known_is_not_read(text: str) -> None:
    assert program(text) is None


def test_people_who_are_no_texts_are_compared_as_celpy_compares_them() -> None:
    record = {"owner": "a", "approver": 5, "version": "1", "approved_on": "2026-01-01", "next_review": "2027-01-01"}
    assert answers(Names(TODAY, {"it": record}), "current(record)", "it")[0] is ...
    with pytest.raises(TypeError):
        cel._same("a", 5)


def test_a_fact_that_is_known_does_not_load_celpy() -> None:
    code = (
        "from datetime import date; from aims_gates.packs.cel import Names; import sys;"
        "print(Names(date(2026, 1, 1), {'it': {'a': 1}}).evaluate('record.a == 1', 'it'), 'celpy' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.split() == ["True", "False"]

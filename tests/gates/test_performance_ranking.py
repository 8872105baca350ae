"""What shops ask of rankings: NDCG at k, and how much of the catalogue the lists show."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import ndcg_score

from aims_gates import Finding

Run = Callable[..., tuple[Finding, ...]]
ROLES = {"target": ["y"], "score": ["s"], "query": ["user"]}
SHOP: dict[str, Any] = {"task": "ranking", "k": 5, "item": "item", "catalogue": 60}


def at_least(value: float, *names: str) -> dict[str, Any]:
    """A limit on each."""
    return {name: {"op": ">=", "value": value} for name in names or ("ndcg",)}


def ranked(users: int = 80, seed: int = 2, grades: int = 4) -> pd.DataFrame:
    """Lists of 1 to 12 of 50 items, relevance from 0 up, scores in steps (so with ties), users of two segments."""
    random = np.random.default_rng(seed)
    lists = []
    for user in range(users):
        length = int(random.integers(1, 13))
        y = random.integers(0, grades, length)
        s = np.round(y + random.normal(0, 1.5, length))
        items = random.choice(50, length, replace=False)
        lists.append(pd.DataFrame({"user": f"u{user}", "item": items, "y": y, "s": s, "segment": "AB"[user % 2]}))
    return pd.concat(lists, ignore_index=True)


def gain(part: pd.DataFrame, k: int) -> float:
    """scikit-learn's NDCG of one list; one row alone has no order, and a second without gain changes nothing."""
    y, s = part.y.to_list(), part.s.to_list()
    return float(ndcg_score([[*y, 0]], [[*s, min(s) - 1]], k=k))


def of(findings: tuple[Finding, ...], measure: str, **by: str) -> Finding:
    """The one finding of a measure, overall or of a slice."""
    (finding,) = (finding for finding in findings if finding.measure == measure and dict(finding.by) == by)
    return finding


@pytest.mark.parametrize("k", [1, 3, 5, 100])
@pytest.mark.parametrize("grades", [2, 4])
def test_ndcg_is_scikit_learn_s_overall_and_by_slice(run: Run, k: int, grades: int) -> None:
    frame = ranked(grades=grades)
    roles = {**ROLES, "slice": ["segment"]}
    findings = run("performance", {"evaluation": frame}, roles, task="ranking", k=k)
    for by, part in [({}, frame), *(({"segment": name}, part) for name, part in frame.groupby("segment"))]:
        gains = [gain(one, k) for _, one in part.groupby("user")]
        assert of(findings, "ndcg", **by).value == pytest.approx(np.mean(gains), abs=1e-9)
    assert any(finding.measure == "roc_auc" for finding in findings) == (grades == 2)


def test_each_list_is_scikit_learn_s(run: Run) -> None:
    frame = ranked(40)
    findings = run("performance", {"evaluation": frame}, {**ROLES, "slice": ["user"]}, task="ranking", k=4)
    for user, part in frame.groupby("user"):
        assert of(findings, "ndcg", user=str(user)).value == pytest.approx(gain(part, 4), abs=1e-9)


#: The six documents of Wikipedia's article on discounted cumulative gain, and two that the search missed.
SIX, MISSED = [3, 2, 3, 0, 1, 2], [3, 2]


@pytest.mark.parametrize(("missed", "expected"), [([], 0.961), (MISSED, 0.785)])
def test_ndcg_of_the_textbook_s_six_documents(run: Run, missed: list[int], expected: float) -> None:
    """DCG is 6.861; the best order of the six has 7.141, that of all eight 8.740 (Wikipedia, 2026)."""
    y = [*SIX, *missed]
    frame = pd.DataFrame({"user": 1, "y": y, "s": range(len(y), 0, -1)})
    finding = of(run("performance", {"evaluation": frame}, ROLES, task="ranking", k=6), "ndcg")
    assert finding.value == pytest.approx(expected, abs=5e-4)
    assert (finding.low, finding.high) == (None, None)
    assert sum(y / np.log2(place + 2) for place, y in enumerate(SIX)) == pytest.approx(6.861, abs=5e-4)


def test_equal_scores_everywhere_are_the_random_order_that_the_note_names(run: Run) -> None:
    frame = ranked().assign(s=1.0)
    finding = of(run("performance", {"evaluation": frame}, ROLES, task="ranking", k=5), "ndcg")
    assert f"in a random order it would be {finding.value:.3g};" in str(finding.note)


def test_good_lists_pass_and_bad_ones_fail(run: Run) -> None:
    frame = ranked(300)
    value = float(of(run("performance", {"evaluation": frame}, ROLES, task="ranking", k=5), "ndcg").value or 0)
    limits = [at_least(value + gap) for gap in (-0.2, 0.01, 0.15)]
    outcomes = [
        of(run("performance", {"evaluation": frame}, ROLES, task="ranking", k=5, limits=limit), "ndcg").outcome
        for limit in limits
    ]
    assert outcomes == ["pass", "inconclusive", "fail"]


@pytest.mark.parametrize("lacking", ["k", "task", "query", "score", "item", "catalogue"])
def test_what_is_not_there_leaves_the_limit_open(run: Run, lacking: str) -> None:
    frame = ranked(grades=2).assign(d=lambda rows: (rows.s > 0).astype(int))
    roles = {**ROLES, "prediction": ["d"]}
    more = {"limits": at_least(0.1, "ndcg", "catalogue_coverage"), **SHOP}
    roles.pop(lacking, None)
    more.pop(lacking, None)
    findings = run("performance", {"evaluation": frame}, roles, **more)
    of_lists = ["catalogue_coverage", *(["ndcg"] if lacking not in ("item", "catalogue") else [])]
    for name in of_lists:
        finding = of(findings, name)
        assert finding.outcome == "inconclusive" and finding.value is None
        assert "not measured" in str(finding.note) and "parameter" in str(finding.remedy)


def test_lists_that_are_right_in_any_order_never_help_to_pass(run: Run) -> None:
    """100 lists of which each order is right stand beside 100 in the worst order; the mean is above the limit."""
    worst = pd.DataFrame({"user": np.repeat(range(100), 5), "y": [1, 0, 0, 0, 0] * 100, "s": [1, 2, 3, 4, 5] * 100})
    single = pd.DataFrame({"user": range(100, 200), "y": 1, "s": 1})
    frame = pd.concat([worst, single])
    finding = of(run("performance", {"evaluation": frame}, ROLES, task="ranking", k=5, limits=at_least(0.6)), "ndcg")
    assert finding.value == pytest.approx((1 + 1 / np.log2(6)) / 2)
    assert finding.outcome == "inconclusive" and float(finding.low or 0) < 1 / np.log2(6)
    assert "100 are right in any order" in str(finding.note)
    alone = of(run("performance", {"evaluation": single}, ROLES, task="ranking", k=5, limits=at_least(0.1)), "ndcg")
    assert (alone.outcome, alone.value, alone.low) == ("inconclusive", 1, None)


def test_lists_without_anything_relevant_count_0(run: Run) -> None:
    frame = ranked(60)
    empty = frame.assign(y=0, user=frame.user + "e")
    some = of(run("performance", {"evaluation": frame}, ROLES, task="ranking", k=5), "ndcg")
    both = of(run("performance", {"evaluation": pd.concat([frame, empty])}, ROLES, task="ranking", k=5), "ndcg")
    assert both.value == pytest.approx(float(some.value or 0) / 2)
    graded = frame.groupby("user").y
    zeros, alike = int((graded.max() == 0).sum()), int(((graded.max() == graded.min()) & (graded.max() > 0)).sum())
    assert zeros and alike
    assert f"{zeros + 60} hold nothing relevant and count 0; {alike} are right in any order" in str(both.note)


def test_perfect_lists_prove_no_more_than_their_number(run: Run) -> None:
    """Of 60 lists none is wrong: a kind of list that is 5.9 % of all is missed in 2.5 % of samples."""
    frame = pd.DataFrame({"user": np.repeat(range(60), 3), "y": [2, 1, 0] * 60, "s": [3, 2, 1] * 60})
    finding = of(run("performance", {"evaluation": frame}, ROLES, task="ranking", k=3), "ndcg")
    assert (finding.value, finding.high) == (1, 1)
    assert finding.low == pytest.approx(0.025 ** (1 / 60))


def test_a_query_is_the_unit_and_clusters_are_respected(run: Run) -> None:
    frame = ranked(80)
    alone = of(run("performance", {"evaluation": frame}, ROLES, task="ranking", k=5), "ndcg")
    assert alone.n == pytest.approx(80)
    copies = pd.concat([frame.assign(user=frame.user + str(copy), person=frame.user) for copy in range(6)])
    blind = of(run("performance", {"evaluation": copies}, ROLES, task="ranking", k=5), "ndcg")
    roles = {**ROLES, "cluster": ["person"]}
    linked = of(run("performance", {"evaluation": copies}, roles, task="ranking", k=5), "ndcg")
    widths = [float(one.high or 0) - float(one.low or 0) for one in (alone, blind, linked)]
    assert linked.value == pytest.approx(alone.value) and linked.n == pytest.approx(80, rel=0.02)
    assert widths[2] == pytest.approx(widths[0], rel=0.02) and widths[1] < widths[0] / 2


def test_rows_of_a_query_go_together_in_other_measures_too(run: Run) -> None:
    frame = ranked(80, grades=2)
    more = {"task": "ranking", "k": 5}
    areas = [
        of(run("performance", {"evaluation": frame}, {**ROLES, **roles}, **more), "roc_auc")
        for roles in ({}, {"cluster": ["user"]})
    ]
    plain = of(run("performance", {"evaluation": frame}, {"target": ["y"], "score": ["s"]}, task="ranking"), "roc_auc")
    assert areas[0].low == pytest.approx(areas[1].low, abs=1e-12)
    assert abs(float(areas[0].low or 0) - float(plain.low or 0)) > 1e-6


def test_weights_are_of_lists(run: Run) -> None:
    frame = ranked(80).assign(w=lambda rows: rows.segment.map({"A": 3.0, "B": 1.0}))
    findings = run("performance", {"evaluation": frame}, {**ROLES, "weight": ["w"]}, task="ranking", k=5)
    gains = {name: [gain(one, 5) for _, one in part.groupby("user")] for name, part in frame.groupby("segment")}
    finding = of(findings, "ndcg")
    assert finding.value == pytest.approx((3 * np.mean(gains["A"]) + np.mean(gains["B"])) / 4, abs=1e-9)
    assert finding.n == pytest.approx((3 * 40 + 40) ** 2 / (9 * 40 + 40))
    thousand = run(
        "performance", {"evaluation": frame.assign(w=frame.w * 1000)}, {**ROLES, "weight": ["w"]}, task="ranking", k=5
    )
    assert of(thousand, "ndcg").low == pytest.approx(finding.low)


def test_a_slice_that_parts_a_list_has_no_verdict(run: Run) -> None:
    frame = ranked().assign(kind=lambda rows: rows.item % 2)
    limits = at_least(0.1, "ndcg", "catalogue_coverage")
    roles = {**ROLES, "slice": ["kind"]}
    findings = run("performance", {"evaluation": frame}, roles, limits=limits, slice_limits=limits, **SHOP)
    for name in limits:
        finding = of(findings, name, kind="1")
        assert (finding.outcome, finding.value) == ("inconclusive", None) and "whole list" in str(finding.note)
        assert of(findings, name).value is not None


def test_coverage_counts_items_that_are_surely_on_a_list(run: Run) -> None:
    frame = ranked()
    roles = {**ROLES, "slice": ["segment"]}
    findings = run("performance", {"evaluation": frame}, roles, **SHOP)
    for by, part in [({}, frame), ({"segment": "A"}, frame[frame.segment == "A"])]:
        last = part.groupby("user").s.rank(method="max", ascending=False)
        items = part[last <= 5].item.nunique()
        finding = of(findings, "catalogue_coverage", **by)
        assert finding.value == pytest.approx(items / 60)
        assert f"{items} of 60 items on {part.user.nunique()} lists of at most 5" in str(finding.note)
        assert finding.low is not None and finding.high is not None and finding.low < items / 60 < finding.high


def test_a_model_that_scores_all_alike_covers_nothing(run: Run) -> None:
    frame = pd.DataFrame(
        {"user": np.repeat(range(50), 9), "item": list(range(9)) * 50, "y": [1, *[0] * 8] * 50, "s": 1}
    )
    limits = at_least(0.5, "catalogue_coverage")
    finding = of(run("performance", {"evaluation": frame}, ROLES, limits=limits, **SHOP), "catalogue_coverage")
    assert (finding.value, finding.low) == (0, 0) and finding.outcome != "pass"


def test_coverage_is_judged_by_lists_that_would_be_drawn_again(run: Run) -> None:
    """Each list shows the same two items, and one that it alone shows: another draw may lack any of those."""
    users = 40
    frame = pd.DataFrame(
        {
            "user": np.repeat(range(users), 3),
            "item": np.ravel([[100, 101, user] for user in range(users)]),
            "s": [3, 2, 1] * users,
            "y": [1, 0, 0] * users,
        }
    )
    more = {**SHOP, "k": 3, "catalogue": 100}
    finding = of(run("performance", {"evaluation": frame}, ROLES, **more), "catalogue_coverage")
    assert finding.value == pytest.approx(0.42)
    assert finding.low == pytest.approx(0.42 - 2.022691 * np.sqrt(40) / 100, abs=1e-6)
    assert finding.high == pytest.approx(
        0.42 + (2.022691 * np.sqrt(40) + users * (1 - 0.025 ** (1 / users)) * 3) / 100, abs=1e-6
    )
    assert finding.n == users
    pairs = frame.assign(pair=frame.user // 2)
    linked = of(run("performance", {"evaluation": pairs}, {**ROLES, "cluster": ["pair"]}, **more), "catalogue_coverage")
    assert linked.n == 20
    assert linked.low == pytest.approx(0.42 - 2.093024 * np.sqrt(20 * 4) / 100, abs=1e-6)
    assert linked.high == pytest.approx(
        0.42 + (2.093024 * np.sqrt(20 * 4) + 20 * (1 - 0.025 ** (1 / 20)) * 4) / 100, abs=1e-6
    )
    weighted = frame.assign(w=1.0)
    open_ = of(run("performance", {"evaluation": weighted}, {**ROLES, "weight": ["w"]}, **more), "catalogue_coverage")
    assert (open_.value, open_.low) == (finding.value, None) and "weights" in str(open_.note)


def test_lists_that_all_show_the_same_leave_an_item_in_doubt(run: Run) -> None:
    frame = pd.DataFrame({"user": np.repeat(range(40), 2), "item": [1, 2] * 40, "s": [2, 1] * 40, "y": [1, 0] * 40})
    more = {**SHOP, "k": 2, "catalogue": 2, "limits": at_least(1.0, "catalogue_coverage")}
    finding = of(run("performance", {"evaluation": frame}, ROLES, **more), "catalogue_coverage")
    assert (finding.value, finding.outcome) == (1, "inconclusive")
    assert finding.low is not None and finding.low <= 0.5


@pytest.mark.parametrize("measure", ["ndcg", "catalogue_coverage"])
def test_beside_another_limit_a_value_fails_by_a_wider_interval(run: Run, measure: str) -> None:
    """40 lists alike in what they are worth; a limit just beyond the plain end fails alone, and not beside another."""
    frame = pd.DataFrame(
        {
            "user": np.repeat(range(40), 3),
            "item": np.ravel([[100, 101, user] for user in range(40)]),
            "s": [3, 2, 1] * 40,
            "y": [0, 1, 0] * 40,
        }
    )
    (other,) = {"ndcg", "catalogue_coverage"} - {measure}
    more = {**SHOP, "k": 3, "catalogue": 200}
    plain = of(run("performance", {"evaluation": frame}, ROLES, **more), measure)
    limits = at_least(float(plain.high or 0) + 1e-6, measure)
    alone = of(run("performance", {"evaluation": frame}, ROLES, limits=limits, **more), measure)
    both = {**limits, **at_least(0.0, other)}
    beside = of(run("performance", {"evaluation": frame}, ROLES, limits=both, **more), measure)
    assert (alone.outcome, beside.outcome) == ("fail", "inconclusive")
    assert "fails alone" in str(beside.note)
    share, reach = 1 - 0.0125 ** (1 / 40), 2.331269  # Student's, 1 - 0.0125 at 39 degrees of freedom
    value = float(plain.value or 0)
    end = 1 - (1 - value) * (1 - share) if measure == "ndcg" else value + (reach * np.sqrt(40) + 40 * share * 3) / 200
    far = {**at_least(end + 1e-4, measure), **at_least(0.0, other)}
    near = {**at_least(end - 1e-4, measure), **at_least(0.0, other)}
    outcomes = [of(run("performance", {"evaluation": frame}, ROLES, limits=at, **more), measure) for at in (far, near)]
    assert [finding.outcome for finding in outcomes] == ["fail", "inconclusive"]


def test_a_champion_needs_no_column_of_queries(run: Run) -> None:
    frame = ranked(60, grades=2)
    sets = {"evaluation": frame, "champion": frame[["y", "s"]]}
    roles = {**ROLES, "cluster": ["segment"]}
    findings = run("performance", sets, roles, task="ranking", k=5)
    assert of(findings, "roc_auc_champion_difference").value == 0


BAD: dict[str, tuple[Callable[[pd.DataFrame], pd.DataFrame], dict[str, Any], str]] = {
    "below 0": (lambda rows: rows.assign(y=rows.y - 1), {}, "relevance below 0"),
    "no query": (lambda rows: rows.assign(user=rows.user.where(rows.index > 2)), {}, "no value in 'user'"),
    "no item": (lambda rows: rows.assign(item=rows.item.where(rows.index > 2)), {}, "no value in 'item'"),
    "twice": (lambda rows: rows.assign(item=1), {}, "lists the item 1 twice"),
    "small": (lambda rows: rows, {"catalogue": 30}, "50 different items, and the catalogue 30"),
    "k": (lambda rows: rows, {"k": 0}, "k cannot be 0"),
    "column": (lambda rows: rows, {"item": "nothing"}, "nothing"),
    "weights": (lambda rows: rows.assign(w=range(len(rows))), {}, "differ in the column with the role weight"),
    "clusters": (lambda rows: rows.assign(c=range(len(rows))), {}, "differ in the column with the role cluster"),
    "text": (lambda rows: rows.assign(y=rows.y.map(lambda grade: "abcd"[grade])), {}, "neither 0/1"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_no_list_is_refused(run: Run, case: str) -> None:
    change, more, message = BAD[case]
    frame = change(ranked())
    roles = {**ROLES, **({"weight": ["w"]} if "w" in frame else {}), **({"cluster": ["c"]} if "c" in frame else {})}
    (finding,) = run("performance", {"evaluation": frame}, roles, **{**SHOP, **more})
    assert finding.outcome == "error" and message in str(finding.note) and finding.remedy


@pytest.mark.parametrize("most", [100_000, 300])
@pytest.mark.parametrize("grades", [2, 4])
def test_scikit_learn_agrees_in_the_same_run(run: Run, most: int, grades: int) -> None:
    frame = ranked(grades=grades).assign(w=lambda rows: rows.segment.map({"A": 3.0, "B": 1.0}))
    findings = run("performance", {"evaluation": frame}, {**ROLES, "weight": ["w"]}, crosscheck=most, **SHOP)
    finding = of(findings, "agreement")
    assert finding.outcome == "pass" and ("sample" in str(finding.note)) == (most < len(frame))


@pytest.mark.long
@pytest.mark.parametrize("rows", ["noisy", "rarely wrong"])
def test_a_limit_that_is_the_truth_is_seldom_passed_or_failed(run: Run, rows: str) -> None:
    """100 lists of ten; noisy ones, or a score that is right but for 4 % of users, who are shown the worst order."""
    random = np.random.default_rng(6)
    y = np.array([3, 2, 1, 0, 0, 0, 0, 0, 0, 0], dtype=float)

    def lists(users: int) -> tuple[Any, Any]:
        s = y + (random.normal(0, 1.5, (users, 10)) if rows == "noisy" else 0.001 * np.arange(10))
        return s, np.where(random.random((users, 1)) < 0.04, -s, s) if rows != "noisy" else s

    truth = float(ndcg_score(np.tile(y, (200_000, 1)), lists(200_000)[1], k=5))
    draws, passes, fails = 600, 0, 0
    for _ in range(draws):
        frame = pd.DataFrame({"user": np.repeat(range(100), 10), "y": np.tile(y, 100), "s": lists(100)[1].ravel()})
        findings = run("performance", {"evaluation": frame}, ROLES, task="ranking", k=5, limits=at_least(truth))
        outcome = of(findings, "ndcg").outcome
        passes, fails = passes + (outcome == "pass"), fails + (outcome == "fail")
    assert max(passes, fails) <= draws * 0.025 + 3 * np.sqrt(draws * 0.025 * 0.975)


@pytest.mark.long
@pytest.mark.parametrize(("steep", "catalogue"), [(1.0, 200), (2.0, 30), (3.0, 8)])
def test_coverage_of_lists_drawn_again_is_seldom_missed(run: Run, steep: float, catalogue: int) -> None:
    """100 lists of three, of items that are the less often on one the later they come."""
    random = np.random.default_rng(8)
    worth = -steep * np.log(np.arange(1, catalogue + 1))

    def lists() -> Any:
        return np.argsort(-(worth + random.gumbel(size=(100, catalogue))), axis=1)[:, :3]

    truth = float(np.mean([len(np.unique(lists())) for _ in range(4000)])) / catalogue
    limits, draws, passes, fails = at_least(truth, "catalogue_coverage"), 600, 0, 0
    for _ in range(draws):
        frame = pd.DataFrame({"user": np.repeat(range(100), 3), "item": lists().ravel(), "s": [3, 2, 1] * 100})
        more = {**SHOP, "k": 3, "catalogue": catalogue, "limits": limits}
        outcome = of(
            run("performance", {"evaluation": frame.assign(y=frame.s % 2)}, ROLES, **more), "catalogue_coverage"
        ).outcome
        passes, fails = passes + (outcome == "pass"), fails + (outcome == "fail")
    assert max(passes, fails) <= draws * 0.025 + 3 * np.sqrt(draws * 0.025 * 0.975)


def test_who_asks_is_no_feature_that_drifts_or_leaks(run: Run) -> None:
    """All users of the later set are new: neither gate looks at their names, as at no cluster's."""
    before, later = ranked(60), ranked(60, seed=4).assign(user=lambda rows: rows.user + "new")
    drift = run("drift", {"reference": before, "production": later}, {"query": ["user"]})
    leakage = run("leakage", {"reference": before, "evaluation": later}, {"target": ["y"], "query": ["user"]})
    for findings in (drift, leakage):
        columns = {dict(place).get("column") for finding in findings for place in (finding.by, finding.over or {})}
        assert "item" in columns and "user" not in columns

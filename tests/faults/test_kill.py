"""kill -9 at every statement of a promotion and at random: registry and ledger tell one story afterwards.

``AIMS_GATES_SOAK_KILLS`` sets how many processes are killed at a random moment of their promotion, on each database
(default 100; 1,000 in a long run); ``AIMS_GATES_SOAK_SEED`` which moments (42001).
"""

import os
import random
from collections.abc import Callable
from statistics import median
from typing import Any

import pytest

from aims_gates.ledger.verify import Replay

ROUNDS = int(os.environ.get("AIMS_GATES_SOAK_KILLS", "100"))
SEED = int(os.environ.get("AIMS_GATES_SOAK_SEED", "42001"))


@pytest.mark.parametrize("act", ["alias", "stage", "delete"])
def test_a_promotion_killed_at_any_statement_leaves_one_story(
    prepared: Any, worker: Any, act: str, record_property: Callable[[str, object], None]
) -> None:
    more: dict[str, Any] = {"alias": {}, "stage": {"stage": "Production"}, "delete": {"delete": True}}[act]
    worker(prepared.task(version=1, rehearse=True))
    first = worker(prepared.task(version=1, **({} if act == "delete" else more)))
    assert (first["code"], first["exit"]) == (0, 0), "the promotion itself goes through"
    whole = worker(prepared.task(version=2, **more))
    assert whole["code"] == 0 and 5 < whole["statements"] < 255
    step = {"alias": 1, "stage": 6, "delete": 6}[act] * (1 if "sqlite" in prepared.uri else 4) if ROUNDS <= 100 else 1
    places = range(1, whole["statements"] + 1, step)
    for place in places:
        if act == "delete":
            worker(prepared.task(version=1))
        done = worker(prepared.task(version=1 + place % 2, kill_at=place, **more))
        assert done["killed"] or done["exit"] == 0
        assert prepared.story() == [], f"killed before statement {place}"
    record_property("killed before a statement", len(places))
    again = worker(prepared.task(version=1, **({} if act == "delete" else more)))
    assert again["code"] == 0, "nothing is left locked or half done"


@pytest.mark.long
def test_promotions_killed_at_random_leave_one_story(
    prepared: Any, worker: Any, record_property: Callable[[str, object], None]
) -> None:
    """A process that had ended before it could be killed is no round; each tenth is let through, and timed."""
    dice, replay, number = random.Random(SEED), Replay(), 0
    took, killed, differ, ended = [0.0], [], [], 0
    worker(prepared.task(version=1, rehearse=True))
    while len(killed) < ROUNDS:
        moment = dice.uniform(0, 1.1) * median(took[-5:]) if number % 10 else 60
        done = worker(prepared.task(version=1 + number % 2, kill_after=moment))
        if done["killed"]:
            killed.append((done["statements"], done["commit"]))
        else:
            assert (done["code"], done["exit"]) == (0, 0), f"seed {SEED}, round {number}: {done}"
            took.append(done["seconds"])
            ended += bool(number % 10)
        found = prepared.story(replay)
        differ += [f"seed {SEED}, round {number}, {done}: {found}"] if found else []
        number += 1
        assert number < 3 * ROUNDS + 30, "they end before they can be killed"
    record_property("killed at random", len(killed))
    record_property("of them in or after a COMMIT", sum(commit for _, commit in killed))
    record_property("distinct places", len(set(killed)))
    record_property("ended before they could be killed, and not counted", ended)
    record_property("stories that differ", len(differ))
    assert differ == []
    assert prepared.story() == [], "the whole of it, from its beginning"
    assert len({statements for statements, _ in killed}) > 5, "they died in many places"

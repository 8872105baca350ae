"""The worked example above the rules is what the decision does, line by line."""

import doctest
import re

from aims_gates.attestation.statements.people import Halt
from aims_gates.decision import rules
from aims_gates.model import Decision


def _answer(decision: Decision) -> str:
    problems = [problem for problem in decision.problems if "halted" in problem] or list(decision.problems)
    head = f"{'yes' if decision.allowed else 'no'}, exit {decision.exit}"
    controls = [f"{state.control} {state.state}: {state.reason}" for state in decision.controls]
    actions = [f"next: {re.sub('(?<=approve )[0-9a-f]{12}', 'STATEMENT', step)}" for step in decision.actions[:1]]
    return "\n".join([": ".join([head, *problems[:1]]), *controls, *actions])


class _Words:
    """The words of the example: each appends to the story, and gives nothing that a doctest would print."""

    def __init__(self, story, kit):
        self.story, self.kit = story, kit

    def trust(self) -> None:
        self.story.trust()

    def register(self) -> None:
        self.story.create()
        self.story.register()

    def bind(self) -> None:
        self.story.bind()

    def evidence(self, outcome: str) -> None:
        self.story.predict()
        self.story.check(self.kit.finding(outcome))

    def request(self) -> None:
        self.story.request()

    def approve(self, role: str) -> None:
        self.story.approve(role)

    def halt(self) -> None:
        self.story.say(Halt("default", "credit", "complaints"), "on-call")

    def ask(self) -> None:
        print(_answer(self.story.decide()))


WORDS = ("trust", "register", "bind", "evidence", "request", "approve", "halt", "ask")


def test_the_worked_example_is_what_the_decision_does(story, kit):
    words = {word: getattr(_Words(story, kit), word) for word in WORDS}
    example = doctest.DocTestParser().get_doctest(rules.__doc__, words, "rules", rules.__file__, 0)
    differences: list[str] = []
    result = doctest.DocTestRunner(verbose=False).run(example, out=differences.append)
    assert "".join(differences) == "" and (result.failed, result.attempted) == (0, len(example.examples))


def test_the_worked_example_walks_from_the_binding_to_a_yes_and_past_it():
    words = re.findall(r"^>>> (\w+)", rules.__doc__, re.MULTILINE)
    assert set(words) == set(WORDS) and "\nyes, exit 0\n" in rules.__doc__

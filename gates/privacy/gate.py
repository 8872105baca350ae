"""Can a row be traced to a person, and does the model tell on whom it was trained?"""

from collections.abc import Iterator

from aims_gates import Case, Finding
from aims_gates.gatekit import unweighted

from .cells import cell_findings
from .membership import membership_findings
from .question import read_question

__all__ = ["run"]


def run(case: Case) -> Iterator[Finding]:
    """The smallest groups of each data set, and the attack on the model where a limit asks for it."""
    yield from unweighted(case, "a person can be recognized whatever the row weighs")
    question = read_question(case)
    for data in question.sets:
        yield from cell_findings(question, data)
    yield from membership_findings(case, question)

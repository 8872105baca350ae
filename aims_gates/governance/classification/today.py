"""What a classification record gives on a day: the organization's own rules, and the law as it then is."""

from collections.abc import Iterable
from datetime import date as Day
from pathlib import Path

from aims_gates.documents.strict_yaml import Document, read
from aims_gates.governance.classification.answers import OrganizationRule, read_answers, read_rules
from aims_gates.governance.classification.bundles import bundle
from aims_gates.governance.classification.forms import recheck
from aims_gates.governance.classification.results import Result
from aims_gates.governance.classification.schema import Bundle
from aims_gates.governance.classification.tiers import classify

__all__ = ["ORGANIZATION_RULES", "organization_rules", "tier_today"]

#: Where a pack keeps the organization's own rules.
ORGANIZATION_RULES = Path("records/organization/classification-rules.yaml")


def organization_rules(packs: Iterable[Path], bundle: Bundle) -> tuple[OrganizationRule, ...]:
    """The organization's rules of these packs.

    Raises:
        InputError: a file of rules cannot be used.
    """
    places = [pack / ORGANIZATION_RULES for pack in packs]
    return tuple(rule for place in places if place.is_file() for rule in read_rules(read(place), bundle))


def tier_today(document: Document, packs: Iterable[Path], today: Day) -> Result:
    """A record's answers, classified as of today; the result that it carries must be what they gave then.

    Raises:
        InputError: the record has no result, or another than its answers give; or as :func:`read_answers`.
    """
    named = document.value.get("bundle") if isinstance(document.value, dict) else None
    rules = organization_rules(packs, bundle(str(named)))
    recheck(document, today=today, rules=rules)
    answers, pinned = read_answers(document, today=today)
    return classify(pinned, answers, as_of=today, rules=rules)

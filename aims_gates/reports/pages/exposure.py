"""For management: the largest fines that the law knows, from when, and which systems each could be about.

It is no legal conclusion: it says which rules look at a system of this tier, not that one is broken.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Annotated, Any

from pydantic import Field

from aims_gates.documents.strict_yaml import parse, read_yaml
from aims_gates.governance.classification import DEFAULT, bundle
from aims_gates.reports.pages.facts import Facts
from aims_gates.reports.pages.form import Page, Section

__all__ = ["Penalty", "page", "penalties"]


@dataclass(frozen=True)
class Penalty:
    """A largest fine.

    Attributes:
        id, article, about: Which, where it stands, and for what, in our words.
        euros: The amount in euros.
        turnover: The share of the worldwide turnover of the year before, in percent.
        since: Id of the date in the rule bundle from which it can be set.
        tiers, articles: It looks at systems of these tiers, and at those that met one of these articles.
    """

    id: str
    article: str
    about: str
    euros: int
    turnover: int
    since: Annotated[str, Field(alias="from")] = field()
    tiers: tuple[str, ...] = ()
    articles: tuple[str, ...] = ()

    def concerns(self, tier: str, articles: tuple[str, ...]) -> bool:
        """Whether it looks at a system of this tier that met these articles."""
        return tier in self.tiers or any(
            article == expected or article.startswith(f"{expected}(")
            for article in articles
            for expected in self.articles
        )


@dataclass(frozen=True)
class _Penalties:
    law: str
    penalties: tuple[Penalty, ...]


@cache
def penalties() -> tuple[Penalty, ...]:
    """The fines, highest first."""
    place = files("aims_gates.reports.pages").joinpath("exposure.yaml")
    return parse(_Penalties, read_yaml(place.read_bytes(), str(place))).penalties


def page(facts: Facts) -> Page:
    """The note on exposure, over every system of the packs."""
    rules = bundle(DEFAULT)
    today = facts.now.date()
    classified = {
        system_record.system.name: _classified(facts, system_record.records, system_record.system.name)
        for system_record in facts.systems
    }
    rows = []
    for penalty in penalties():
        start = rules.on(penalty.since)
        assert isinstance(start, date)
        named = sorted(name for name, text in classified.items() if penalty.concerns(*text))
        rows.append(
            (
                penalty.article, penalty.about,
                f"EUR {penalty.euros:,} or {penalty.turnover} % of worldwide yearly turnover",
                f"{start.isoformat()} ({'in force' if start <= today else 'to come'})", ", ".join(named) or "none",
            )
        )  # fmt: skip
    return Page(
        "Exposure to penalties",
        (
            Section(
                "The largest fines",
                columns=("Article", "For", "At most", "From", "Systems it looks at"),
                rows=tuple(rows),
            ),
            Section(
                "The systems",
                columns=("System", "Tier", "Articles met"),
                rows=tuple((name, tier, ", ".join(met)) for name, (tier, met) in sorted(classified.items())),
            ),
            Section(
                "When duties begin",
                columns=("Date", "What", "Where it stands"),
                rows=tuple(
                    (dated.date.isoformat(), dated.what, dated.source)
                    for dated in sorted(rules.dates, key=lambda item: item.date)
                ),
            ),
        ),
        {"Law": rules.law, "Rules": f"{rules.id} ({rules.sha256})", "As of": today.isoformat()},
        (
            "Of amount and share the higher is the limit; for small and medium-sized enterprises, start-ups among "
            "them, the lower (Article 99(6)). What is set in a case, authorities and courts decide under national law.",
            "No legal conclusion: that a rule looks at a system does not mean that it is broken.",
        ),
    )


def _classified(facts: Facts, records: Mapping[str, Mapping[str, Any]], name: str) -> tuple[str, tuple[str, ...]]:
    """Tier and articles of a system's classification; noted where there is none, or its result is open."""
    result = (records.get("classification") or {}).get("result")
    if not isinstance(result, Mapping) or not result.get("tier") or result["tier"] == "undetermined":
        facts.missing.append(f"records/systems/{name}/classification.yaml: result: aims-gates classify")
        return "", ()
    return str(result["tier"]), tuple(map(str, result.get("articles") or ()))

"""For management: the largest fines that the law knows, from when, and which systems each could be about.

It is no legal conclusion: it says which rules look at a system of this tier, not that one is broken.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Annotated, Any

from pydantic import Field

from aims_gates.documents.strict_yaml import parse, read_yaml
from aims_gates.governance.classification import DEFAULT, Bundle, bundle
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
        duties: Articles whose duties it punishes; empty where it hangs on none of a system's own.
    """

    id: str
    article: str
    about: str
    euros: int
    turnover: int
    since: Annotated[str, Field(alias="from")] = field()
    tiers: tuple[str, ...] = ()
    articles: tuple[str, ...] = ()
    duties: tuple[str, ...] = ()

    def concerns(self, tier: str, articles: tuple[str, ...]) -> bool:
        """Whether it looks at a system of this tier that met these articles."""
        return tier in self.tiers or any(_within(article, self.articles) for article in articles)


def _within(article: str, outer: tuple[str, ...]) -> bool:
    return any(article == place or article.startswith(f"{place}(") for place in outer)


@dataclass(frozen=True)
class _Classified:
    """What a system's classification says: its tier, the articles met, its duties and the day from which each binds."""

    tier: str = ""
    articles: tuple[str, ...] = ()
    duties: tuple[tuple[str, str], ...] = ()

    def binding(self, today: date, within: tuple[str, ...] = ()) -> str:
        """How many duties bind since and from when; only those within these articles, where some are named."""
        days = Counter(day for article, day in self.duties if not within or _within(article, within))
        return ", ".join(f"{days[day]} {'since' if day <= today.isoformat() else 'from'} {day}" for day in sorted(days))


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
    return Page(
        "Exposure to penalties",
        (
            Section(
                "The largest fines",
                columns=(
                    "Article",
                    "For",
                    "At most",
                    "Can be set",
                    "Duties that bind, and from when",
                    "Systems it looks at",
                ),
                rows=tuple(_fine(penalty, rules, today, classified) for penalty in penalties()),
            ),
            Section(
                "The systems",
                columns=("System", "Tier", "Articles met", "Duties that bind, and from when"),
                rows=tuple(
                    (name, system.tier, ", ".join(system.articles), system.binding(today) or "none")
                    for name, system in sorted(classified.items())
                ),
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
            "A fine for a duty can follow only once that duty binds.",
            "Of amount and share the higher is the limit; for small and medium-sized enterprises, start-ups among "
            "them, and small mid-caps the lower (Article 99(6) and (6a)). What is set in a case, authorities and "
            "courts decide under national law.",
            "No legal conclusion: that a rule looks at a system does not mean that it is broken.",
        ),
    )


def _fine(
    penalty: Penalty, rules: Bundle, today: date, classified: Mapping[str, _Classified]
) -> tuple[str, str, str, str, str, str]:
    """One fine, from when it can be set, the duties it hangs on, and the systems that it looks at."""
    start = rules.on(penalty.since)
    assert isinstance(start, date)
    most = f"EUR {penalty.euros:,} or {penalty.turnover} % of worldwide yearly turnover"
    since = f"{start.isoformat()} ({'in force' if start <= today else 'to come'})"
    systems = {
        name: system for name, system in sorted(classified.items()) if penalty.concerns(system.tier, system.articles)
    }
    binding = [f"{name}: {system.binding(today, penalty.duties) or 'none'}" for name, system in systems.items()]
    duties = "; ".join(binding) if penalty.duties and binding else "-"
    return penalty.article, penalty.about, most, since, duties, ", ".join(systems) or "none"


def _classified(facts: Facts, records: Mapping[str, Mapping[str, Any]], name: str) -> _Classified:
    """What a system's classification says; noted where there is none, or its result is open."""
    result = (records.get("classification") or {}).get("result")
    if not isinstance(result, Mapping) or not result.get("tier") or result["tier"] == "undetermined":
        facts.missing.append(f"records/systems/{name}/classification.yaml: result: aims-gates classify")
        return _Classified()
    owed = [duty for duty in result.get("obligations") or () if isinstance(duty, Mapping) and duty.get("effective")]
    return _Classified(
        str(result["tier"]),
        tuple(map(str, result.get("articles") or ())),
        tuple((str(duty.get("article")), str(duty["effective"])) for duty in owed),
    )

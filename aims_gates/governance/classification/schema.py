"""The nouns of a rule bundle: questions, rules, dates, duties, as the bundles' files write them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

__all__ = [
    "Answer",
    "Bundle",
    "Cited",
    "Dated",
    "DutyFact",
    "Exemption",
    "Follow",
    "Grace",
    "Obligation",
    "Overlay",
    "Pattern",
    "Product",
    "Question",
    "RoleChange",
    "Rule",
    "ScopeExit",
    "Section",
    "Sectoral",
]

Answer = Literal["yes", "no", "unknown"]
Section = Literal[
    "scope", "prohibited", "product", "uses", "exemption", "transparency", "gpai", "role", "duties", "organization"
]


@dataclass(frozen=True)
class Question:
    """One question in plain words, with its help."""

    id: str
    ask: str
    help: str = ""


@dataclass(frozen=True)
class Follow:
    """A question that follows a rule's own: its id is the rule's with ``.qualifier`` or ``.exception``."""

    ask: str
    help: str = ""


@dataclass(frozen=True, kw_only=True)
class Cited(Question):
    """A question that a place of the law asks.

    Attributes:
        article: That place, e.g. ``5(1)(c)``, ``5(b)`` (Annex III) or ``50(1)``.
    """

    article: str


@dataclass(frozen=True, kw_only=True)
class ScopeExit(Cited):
    """A question whose answer ``out``, with a signed reason, takes a system out of scope.

    Attributes:
        title: A few words for lists.
        optional: Unanswered it lifts nothing, as an exception, and leaves the scope settled.
        minimal_only: It holds only for a system that no practice, use, product or duty of the bundle reaches.
    """

    out: Literal["yes", "no"]
    title: str
    optional: bool = False
    minimal_only: bool = False


@dataclass(frozen=True, kw_only=True)
class Rule(Cited):
    """A prohibited practice, a high-risk use or a transparency duty.

    It is met when its question is answered yes, its qualifier not no, and its exception not yes.

    Attributes:
        title: A few words for lists.
        applies: Id of the date from which a practice is prohibited.
    """

    title: str
    qualifier: Follow | None = None
    exception: Follow | None = None
    applies: str | None = None


@dataclass(frozen=True)
class Dated:
    """A date of the law: what happens, and where that stands."""

    id: str
    date: date
    what: str
    source: str


@dataclass(frozen=True, kw_only=True)
class Sectoral(Cited):
    """The question whether the sector's own law carries the requirements (Annex I, section B)."""


@dataclass(frozen=True)
class Product:
    """High risk as a product or its safety component: every question of ``all_of`` answered yes.

    Attributes:
        comfort: A yes lifts it where ``endangers`` is answered no: the component serves no safety.
        endangers: Whether its failure endangers people all the same.
        other_risks: A yes lifts it: the third party assesses risks other than those to health and safety.
    """

    article: str
    title: str
    all_of: tuple[Question, ...]
    sectoral: Sectoral
    applies: str | None = None
    comfort: Cited | None = None
    endangers: Cited | None = None
    other_risks: Cited | None = None

    @property
    def lifting(self) -> tuple[Cited, ...]:
        """The questions that may lift it, in order."""
        return tuple(question for question in (self.comfort, self.endangers, self.other_risks) if question is not None)


@dataclass(frozen=True)
class Exemption:
    """The way out of a listed use: ``material`` yes, ``profiling`` no, one of ``any_of`` yes, and two documents."""

    article: str
    material: Question
    profiling: Question
    any_of: tuple[Question, ...]


@dataclass(frozen=True, kw_only=True)
class Overlay(Question):
    """A question about general-purpose AI that lays duties or controls over any tier; ``when`` names its parents, of
    which one must be answered yes."""

    overlay: str
    article: str | None = None
    when: str | tuple[str, ...] | None = None
    controls: tuple[str, ...] = ()

    @property
    def parents(self) -> tuple[str, ...]:
        """The questions of which one must be answered yes; empty where it is always asked."""
        return (self.when,) if isinstance(self.when, str) else self.when or ()


@dataclass(frozen=True, kw_only=True)
class RoleChange(Cited):
    """The question that gives a high-risk system's deployer, importer or distributor the duties of ``becomes``.

    Attributes:
        becomes: The role whose duties it brings.
        roles: The roles that it concerns; empty for all others than ``becomes``. Unanswered, it brings them to these.
        product: Whether it concerns only what is high-risk as a product, outside the sectoral route.
    """

    becomes: str
    roles: tuple[str, ...] = ()
    product: bool = False


@dataclass(frozen=True, kw_only=True)
class DutyFact(Question):
    """A question on which single duties hang.

    Attributes:
        roles: Whom it is asked; empty for everybody.
        when: Questions of which one, answered yes, has it asked.
        high: Whether a high-risk system has it asked.
        always: Whether it is asked whatever the tier.
    """

    roles: tuple[str, ...] = ("deployer",)
    when: tuple[str, ...] = ()
    high: bool = True
    always: bool = False


@dataclass(frozen=True)
class Grace:
    """A later date for what was on the market before another; both by id."""

    before: str
    # "from" is a Python keyword; the reader renames it.
    from_: str


@dataclass(frozen=True)
class Obligation:
    """A duty, and whom it meets.

    Attributes:
        tiers, articles, uses: It is due when the tier is listed, or an article met is, or a listed use is
            (``5`` stands for all of point 5).
        roles: The roles it meets; empty for every role.
        asks: Question that drops it when answered no; unknown keeps it.
        dropped_by: Answers that, given together, drop it; unknown keeps it.
        note: What to know beside it, such as a contested date.
        from_: Date id; None takes the date of the prohibition or of the high-risk route.
        grace: A later date for systems already on the market.
        earlier: Shown only for a system released before its high-risk route applied.
        sectoral: Shown only on the sectoral route, where it replaces all others of the high tier.
    """

    id: str
    article: str
    what: str
    tiers: tuple[str, ...] = ()
    articles: tuple[str, ...] = ()
    uses: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    asks: str | None = None
    dropped_by: Mapping[str, Answer] = field(default_factory=dict)
    note: str = ""
    from_: str | None = None
    grace: Grace | None = None
    earlier: bool = False
    sectoral: bool = False


@dataclass(frozen=True)
class Pattern:
    """Answers that do not go together, or that deserve a second look."""

    answers: Mapping[str, Answer]
    say: str


@dataclass(frozen=True)
class Bundle:
    """A questionnaire with its rules. ``sha256`` is the digest of everything the bundle resolves to."""

    id: str
    title: str
    law: str
    verified: str
    roles: tuple[str, ...]
    dates: tuple[Dated, ...]
    scope: tuple[ScopeExit, ...]
    prohibited: tuple[Rule, ...]
    uses: tuple[Rule, ...]
    transparency: tuple[Rule, ...]
    gpai: tuple[Overlay, ...]
    organization: tuple[Question, ...]
    obligations: tuple[Obligation, ...]
    extends: str | None = None
    in_force: date | None = None
    product: Product | None = None
    uses_apply: str | None = None
    exemption: Exemption | None = None
    role_change: RoleChange | None = None
    role_changes: tuple[RoleChange, ...] = ()
    facts: tuple[DutyFact, ...] = ()
    contradictions: tuple[Pattern, ...] = ()
    hints: tuple[Pattern, ...] = ()
    sha256: str = field(default="", compare=False)

    def on(self, name: str | None) -> date | None:
        """The date of this id; None for None."""
        return None if name is None else next(dated.date for dated in self.dates if dated.id == name)

    def questions(self) -> Mapping[str, tuple[Section, Question]]:
        """Every question with its section, by id, in the order of the sections."""
        return {question.id: (section, question) for section, question in _questions(self)}


def _rules(section: Section, rules: tuple[Rule, ...]) -> Iterator[tuple[Section, Question]]:
    for rule in rules:
        yield section, rule
        for name, follow in (("qualifier", rule.qualifier), ("exception", rule.exception)):
            if follow is not None:
                yield section, Question(f"{rule.id}.{name}", follow.ask, follow.help)


def _questions(bundle: Bundle) -> Iterator[tuple[Section, Question]]:
    yield from (("scope", question) for question in bundle.scope)
    yield from _rules("prohibited", bundle.prohibited)
    if bundle.product is not None:
        product = bundle.product
        yield from (("product", question) for question in (*product.all_of, *product.lifting, product.sectoral))
    yield from _rules("uses", bundle.uses)
    if bundle.exemption is not None:
        exemption = bundle.exemption
        questions = (exemption.material, exemption.profiling, *exemption.any_of)
        yield from (("exemption", question) for question in questions)
    yield from _rules("transparency", bundle.transparency)
    yield from (("gpai", question) for question in bundle.gpai)
    if bundle.role_change is not None:
        yield "role", bundle.role_change
    yield from (("role", change) for change in bundle.role_changes)
    yield from (("duties", question) for question in bundle.facts)
    yield from (("organization", question) for question in bundle.organization)

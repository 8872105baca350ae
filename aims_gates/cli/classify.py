"""``aims-gates classify``: from a questionnaire to a tier, its reasons, its duties, and a record."""

import sys
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from itertools import takewhile
from pathlib import Path

import click

from aims_gates.cli.options import as_json, emit, settings_options
from aims_gates.documents.files import write_whole
from aims_gates.documents.strict_yaml import Document, read
from aims_gates.errors import InputError
from aims_gates.governance.classification import (
    DEFAULT,
    Answers,
    Bundle,
    OrganizationRule,
    Result,
    SystemObligation,
    bundle,
    classify,
    organization_rules,
    purpose_digest,
    read_answers,
    record,
    record_text,
    template,
)
from aims_gates.governance.records.reader import SystemRecord, find_system, read_system
from aims_gates.settings import Settings

__all__ = ["command"]

RECORD = "classification.yaml"
_OUT = "Name another --out."
_FILE = click.Path(path_type=Path, dir_okay=False)


class _Day(click.ParamType[date]):
    name = "YYYY-MM-DD"

    def convert(self, value: str | date, param: click.Parameter | None, ctx: click.Context | None) -> date:
        try:
            return value if isinstance(value, date) else date.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is no day; write YYYY-MM-DD", param, ctx)


def _with_system(answers: Answers, document: Document | None, system: SystemRecord) -> Answers:
    """Name and purpose from system.yaml; a questionnaire that speaks of another purpose is refused."""
    place = document or Document({}, "the questionnaire")
    if answers.purpose is not None and purpose_digest(answers.purpose) != system.purpose_digest:
        remedy = "Make them one text; if the purpose has changed, answer anew."
        raise place.error(("purpose",), f"differs from the purpose in {system.document.where}", remedy)
    if answers.system is not None and answers.system != system.system.name:
        raise place.error(("system",), f"{answers.system!r} is not {system.system.name!r}", "Name the same system.")
    return replace(answers, system=system.system.name, purpose=answers.purpose or system.system.purpose)


def _with_flags(answers: Answers, bundle: Bundle, roles: tuple[str, ...], gpai: str | None) -> Answers:
    unknown = sorted(set(roles) - set(bundle.roles))
    if unknown and bundle.roles:
        raise InputError(f"{unknown[0]!r} is no role", remedy=f"Choose from: {', '.join(bundle.roles)}.")
    answers_so_far = dict(answers.answers)
    if gpai is not None:
        known = bundle.questions()
        sides = {"gpai.provider": gpai == "provider", "gpai.user": gpai == "user"}
        answers_so_far |= {question: "yes" if side else "no" for question, side in sides.items() if question in known}
    return replace(answers, answers=answers_so_far, role=tuple(dict.fromkeys(roles)) or answers.role)


def _titles(bundle: Bundle) -> dict[str, str]:
    rules = (*bundle.prohibited, *bundle.uses, *bundle.transparency)
    titles = {exit_.article: exit_.title for exit_ in bundle.scope} | {rule.article: rule.title for rule in rules}
    if bundle.product is not None:
        titles |= {bundle.product.article: bundle.product.title, bundle.product.sectoral.article: "sectoral route"}
    if bundle.exemption is not None:
        titles[bundle.exemption.article] = "exempt from a high-risk use"
    return titles | {overlay.article: overlay.overlay for overlay in bundle.gpai if overlay.article is not None}


def _text(result: Result, bundle: Bundle) -> str:
    """The answer as a person reads it: the tier, its reasons, the duties, and what is missing."""
    lines = [*_reasons(result, _titles(bundle)), *_duties(result), *_missing(result)]
    lines += [f"\nFrom {coming.date}: {coming.tier} ({', '.join(coming.articles)})" for coming in result.coming]
    lines += [f"\nNote: {note}." for note in result.notes]
    return "\n".join([*lines, "", f"{result.bundle_id} {result.bundle_sha256}, as of {result.as_of}; no legal advice."])


def _reasons(result: Result, titles: Mapping[str, str]) -> list[str]:
    lines = [f"{result.system or 'This system'}: {result.tier}"]
    lines += [f"  {article:<10} {titles.get(article, '')}".rstrip() for article in result.articles]
    lines += [f"  raised by your organization's rule {name}" for name in result.raised_by]
    if result.exemption is not None and not result.exemption.granted:
        lines += ["", "The exemption is refused:", *(f"  - {name}" for name in result.exemption.refused_because)]
    for overlay in result.overlays:
        lines.append(f"  overlay {overlay.id}" + (f": {', '.join(overlay.controls)}" if overlay.controls else ""))
    return lines


def _duties(result: Result) -> list[str]:
    if not result.obligations or result.tier == "undetermined":
        return []
    lines = []
    for due in sorted(result.obligations, key=_number):
        roles = f" ({', '.join(due.roles)})" if len(result.roles) > 1 and due.roles else ""
        lines.append(f"  {due.article:<10} {_when(due):<16}  {due.what}{roles}")
        lines += [f"  {'':<10} {'':<16}  {due.note}"] if due.note else []
    return ["", "Duties, and from when:", *lines]


def _number(due: SystemObligation) -> int:
    digits = "".join(takewhile(str.isdigit, due.article))
    return int(digits or 0)


def _when(due: SystemObligation) -> str:
    if due.effective is None:
        return "-"
    return f"{'since' if due.applies else 'from'} {due.effective}"


def _missing(result: Result) -> list[str]:
    if not result.missing:
        return []
    lines = [f"  {missing.id}: {missing.question}" for missing in result.missing]
    return ["", f"Missing, {len(result.missing)}; until they are answered nothing is promoted:", *lines]


def _exit(result: Result) -> int:
    if result.tier == "prohibited":
        return 2
    return 0 if result.complete else 3


@click.command()
@click.option("--file", "file", type=_FILE, help="The questionnaire, filled in. Without it the terminal asks.")
@click.option("--system", "name", help="Take purpose and record of this system of your packs; write its record.")
@click.option("--out", type=_FILE, help="Write the classification record here; asked answers are kept there as you go.")
@click.option("--ask", "asks", is_flag=True, help="Ask on the terminal what --file leaves open.")
@click.option("--template", "empty", is_flag=True, help="Print an empty questionnaire with every question's wording.")
@click.option("--bundle", "rules_name", help=f"Rule bundle (see `aims-gates rules list`). Default: {DEFAULT}.")
@click.option("--as-of", type=_Day(), help="The day for which the tier is asked. Default: today.")
@click.option("--role", "roles", multiple=True, help="Your role towards the system, instead of the file's. Repeatable.")
@click.option("--gpai", type=click.Choice(["provider", "user", "none"]), help="Your side of general-purpose AI.")
@settings_options
@as_json
def command(
    settings: Settings,
    file: Path | None,
    name: str | None,
    out: Path | None,
    asks: bool,
    empty: bool,
    rules_name: str | None,
    as_of: date | None,
    roles: tuple[str, ...],
    gpai: str | None,
    json_: bool,
) -> int:
    """Classify a system: tier, the places that decide it, duties with their dates, and what is missing.

    \b
    Exit codes: 0 the tier is determined; 2 prohibited; 3 something is missing; 1 the questionnaire cannot be used.
    """
    if empty:
        click.echo(template(bundle(rules_name or DEFAULT)), nl=False)
        return 0
    today = datetime.now(UTC).date()
    system = _system(settings, name)
    place = system.folder / RECORD if system else out
    source = file or _existing(place)
    asking = asks or (file is None and sys.stdin.isatty())
    _refuse_no_answers(source, asking=asking)
    document = read(source) if source is not None else None
    as_of = as_of or today
    answers, source_bundle = _start(document, max(today, as_of), rules_name)
    answers = _with_flags(answers, source_bundle, roles, gpai)
    answers = _with_system(answers, document, system) if system else answers
    target = out or (place if file is not None or asking else None)
    applied = organization_rules(settings.packs, source_bundle)
    if asking:
        answers = _asked(source_bundle, answers, as_of, today, applied, target)
    result = classify(source_bundle, answers, as_of=as_of, rules=applied)
    if target is not None:
        write_whole(target, record_text(record(answers, result)), parents=True, remedy=_OUT)
        click.echo(f"wrote {target}", err=True)
    emit(result.value(), json_, lambda: _text(result, source_bundle))
    return _exit(result)


def _system(settings: Settings, name: str | None) -> SystemRecord | None:
    return read_system(find_system(list(settings.packs), name), name) if name else None


def _existing(place: Path | None) -> Path | None:
    return place if place is not None and place.is_file() else None


def _refuse_no_answers(source: Path | None, *, asking: bool) -> None:
    """Refuse where answers can come neither from a file nor from a terminal."""
    if asking and not sys.stdin.isatty():
        raise InputError("--ask needs a terminal", remedy="Fill in the questionnaire and name it with --file.")
    if source is None and not asking:
        remedy = "Name one with --file F; `aims-gates classify --template > F` writes an empty one."
        raise InputError("there is no questionnaire, and no terminal to ask on", remedy=remedy)


def _start(document: Document | None, latest: date, rules_name: str | None) -> tuple[Answers, Bundle]:
    if document is None:
        chosen_bundle = bundle(rules_name or DEFAULT)
        return Answers(bundle=chosen_bundle.id), chosen_bundle
    return read_answers(document, today=latest, name=rules_name)


def _asked(
    bundle: Bundle,
    answers: Answers,
    as_of: date,
    today: date,
    rules: tuple[OrganizationRule, ...],
    target: Path | None,
) -> Answers:
    from aims_gates.cli.questionnaire import ask

    def keep(so_far: Answers) -> None:
        if target is not None:
            write_whole(target, record_text(record(so_far, None)), parents=True, remedy=_OUT)

    if target is None:
        click.echo("Nothing is kept: name a file with --out to keep the answers.", err=True)
    return ask(bundle, answers, as_of=as_of, today=today, rules=rules, keep=keep)

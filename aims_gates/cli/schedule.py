"""``aims-gates schedule``: what is due, and when."""

from datetime import UTC, date, datetime, time

import click

from aims_gates.attestation.trust_list import day
from aims_gates.cli.options import as_json, emit, settings_options, table
from aims_gates.documents.canonical import plain
from aims_gates.errors import InputError
from aims_gates.portfolio import Deadline
from aims_gates.settings import Settings

__all__ = ["command"]


@click.command()
@click.option("--as-of", metavar="DATE", help="The day to look from, YYYY-MM-DD. Default: today (UTC).")
@click.option("--within", type=click.IntRange(min=0), metavar="DAYS", help="Only what ends within so many days.")
@settings_options
@as_json
def command(as_of: str | None, within: int | None, settings: Settings, json_: bool) -> None:
    """What ends and when: evidence, approvals, waivers, profiles, keys, and the dates in records; overdue first.

    A date is the last day on which the thing holds.
    """
    from aims_gates.portfolio.gather import gather

    today = datetime.now(UTC).date() if as_of is None else day(as_of)
    if today is None:
        raise InputError(f"{as_of!r} is not a date", where="--as-of", remedy="Write it as YYYY-MM-DD.")
    moment = datetime.now(UTC) if as_of is None else datetime.combine(today, time(23, 59, 59), UTC)
    deadlines = gather(settings, moment).schedule()
    shown = [deadline for deadline in deadlines if within is None or deadline.days(today) <= within]
    rows = [
        {**plain(deadline), "days": deadline.days(today), "overdue": deadline.days(today) < 0} for deadline in shown
    ]
    emit(rows, json_, lambda: _text(shown, today))


def _text(deadlines: list[Deadline], today: date) -> str:
    if not deadlines:
        return "nothing is due"
    rows = [
        (deadline.due, _left(deadline.days(today)), deadline.kind, deadline.about, deadline.said, deadline.next)
        for deadline in deadlines
    ]
    late = sum(deadline.days(today) < 0 for deadline in deadlines)
    headings = ("LAST DAY", "LEFT", "WHAT", "ABOUT", "ENDS", "NEXT")
    return f"{table(headings, rows)}\n{len(deadlines)} dates as of {today.isoformat()}, {late} overdue"


def _left(days: int) -> str:
    return f"overdue {-days} d" if days < 0 else ("today" if days == 0 else f"{days} d")

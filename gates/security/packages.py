"""What is known against the packages that a model asks for: judged from what a scanner says of them."""

from collections.abc import Iterator

from aims_gates import Advisory, Case, Finding, Limit, Packages

__all__ = ["judge"]

_BAD, _UNKNOWN = "known_bad_packages", "unknown_packages"
_NONE = Limit("<=", 0)
_SHOWN = 10
_REVIEW = "or have the advisory reviewed and accepted in the profile: security.accepted_advisories."


def judge(case: Case, packages: Packages | None) -> Iterator[Finding]:
    """How many packages have advisories against them, each such package, and what could not be looked up."""
    required = bool(case.params["require_package_scan"])
    if packages is None:
        yield _not_looked_up(required)
    elif packages.failed is not None:
        yield Finding(
            _BAD, limit=_NONE, outcome="error",
            note=f"nothing was looked up at {packages.service} with {packages.scanner}: {packages.failed}",
            remedy="Mend that and check again, or name another service: --advisories osv, pypi or an address.",
        )  # fmt: skip
    else:
        yield from _known(case, packages)
        yield from _unread(case, packages)
        yield from _unknown(packages, required)


def _not_looked_up(required: bool) -> Finding:
    note = "the packages that the model asks for were not compared with advisories"
    if not required:
        return Finding(_BAD, note=note)
    remedy = "Your profile requires it: aims-gates check --advisories osv, pypi or an address."
    return Finding(_BAD, limit=_NONE, outcome="error", note=note, remedy=remedy)


def _known(case: Case, packages: Packages) -> Iterator[Finding]:
    accepted = frozenset(map(str, case.params["accepted_advisories"] or ()))
    bad: dict[str, list[Advisory]] = {}
    let_through: dict[str, None] = {}
    for advisory in packages.advisories:
        if names := _accepted(advisory, accepted):
            let_through.update(dict.fromkeys(names))
        else:
            bad.setdefault(f"{advisory.package}=={advisory.version}", []).append(advisory)
    note = f"{len(packages.looked_up):,} packages looked up at {packages.service} with {packages.scanner}, "
    note += packages.at.isoformat(timespec="seconds")
    note += f"; accepted: {', '.join(let_through)}" if let_through else ""
    count, n = float(len(bad)), len(packages.looked_up)
    yield Finding(_BAD, count, n=n, limit=_NONE, outcome=_NONE.verdict(count), note=note)
    malicious_first = sorted(bad.items(), key=lambda row: not any(advisory.malicious for advisory in row[1]))
    for package, advisories in malicious_first[:_SHOWN]:
        yield _bad(package, advisories)


def _accepted(advisory: Advisory, accepted: frozenset[str]) -> list[str]:
    """The ids by which an advisory was accepted; that a package is an attack is accepted by that id alone."""
    names = [name for name in advisory.ids if name in accepted]
    return [name for name in names if name.startswith("MAL-")] if advisory.malicious else names


def _bad(package: str, advisories: list[Advisory]) -> Finding:
    name = package.partition("==")[0]
    lines = []
    for advisory in advisories[:_SHOWN]:
        also = f" ({', '.join(advisory.ids[1:_SHOWN])})" if advisory.ids[1:] else ""
        mended = "the package is malicious" if advisory.malicious else _mended(advisory)
        lines.append(f"{advisory.ids[0]}{also}: {mended}")
    more = f"; and {len(advisories) - _SHOWN:,} more" if len(advisories) > _SHOWN else ""
    if any(advisory.malicious for advisory in advisories):
        remedy = f"{name} attacks whoever installs it: take it out of what the model asks for, and look at every "
        remedy += "machine that installed it."
    elif all(advisory.fixed for advisory in advisories):
        remedy = f"Move {name} to a version that mends all of them, log the model again, {_REVIEW}"
    else:
        remedy = f"No version of {name} mends all of them: do without it, {_REVIEW}"
    return Finding(
        _BAD, float(len(advisories)), by={"package": package}, limit=_NONE, outcome="fail",
        note="; ".join(lines) + more, remedy=remedy,
    )  # fmt: skip


def _mended(advisory: Advisory) -> str:
    return f"mended in {', '.join(advisory.fixed[:_SHOWN])}" if advisory.fixed else "no version mends it"


def _unread(case: Case, packages: Packages) -> Iterator[Finding]:
    accepted = frozenset(map(str, case.params["accepted_files"] or ()))
    unread = {name: why for name, why in packages.unread.items() if name not in accepted}
    for name, why in list(unread.items())[:_SHOWN]:
        yield Finding(
            _UNKNOWN, float(len(unread)), by={"file": name}, limit=_NONE, outcome="error", note=why,
            remedy="Write it as MLflow does and log the model again, or have it accepted: security.accepted_files.",
        )  # fmt: skip


def _unknown(packages: Packages, required: bool) -> Iterator[Finding]:
    count, limit = float(len(packages.unknown)), _NONE if required else None
    n = float(len(packages.unknown) + len(packages.looked_up))
    if not packages.files:
        note = "the model has no requirements.txt, conda.yaml or python_env.yaml, so what it needs is not known"
        remedy = "Log the model with its requirements." if required else None
        yield Finding(_UNKNOWN, limit=limit, outcome="inconclusive" if required else None, note=note, remedy=remedy)
        return
    outcome = None if limit is None else "inconclusive" if count else limit.verdict(count)
    note = "what could not be looked up of what the model asks for; packages that those need in turn are not counted"
    yield Finding(_UNKNOWN, count, n=n, limit=limit, outcome=outcome, note=note)
    for requirement, why in list(packages.unknown.items())[:_SHOWN]:
        yield Finding(
            _UNKNOWN, 1.0, by={"requirement": requirement}, limit=limit, note=why,
            outcome="inconclusive" if required else None,
            remedy="Ask for it as name==version, from PyPI, and log the model again." if required else None,
        )  # fmt: skip

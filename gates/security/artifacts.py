"""What would run, or be imported, when the model is loaded: judged from what a scanner says of its files."""

from collections.abc import Iterator

from aims_gates import Artifacts, Case, Finding, InputError, Limit

from . import packages

__all__ = ["judge"]

#: What a profile may refuse, and the measure that counts it.
_REFUSED = {"pickle": "pickle_files", "code": "code_files"}
_NONE = Limit("<=", 0)
_SHOWN = 10


def judge(case: Case) -> Iterator[Finding]:
    """Imports that no model needs, files that could not be read, and how many files hold pickles or code."""
    artifacts = case.artifacts
    if case.subject is None:
        yield Finding("looked_through", note="no model's files were looked through: there is no model here")
        return
    if case.subject.kind != "model":
        yield Finding("looked_through", note=f"a {case.subject.kind} has no files that would be loaded")
        return
    if artifacts is None or artifacts.subject != case.subject.digest:
        note = (
            "the model's files were not looked through"
            if artifacts is None
            else "another model's files were looked through"
        )
        remedy = "Check it with aims-gates check, which looks through them."
        yield Finding("dangerous_imports", limit=_NONE, outcome="error", note=note, remedy=remedy)
        return
    yield from _imports(case, artifacts)
    yield from _unread(case, artifacts)
    yield from _formats(case, artifacts)
    yield from packages.judge(case, artifacts.packages)


def _names(case: Case, parameter: str) -> frozenset[str]:
    return frozenset(map(str, case.params[parameter] or ()))


def _listed(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def _imports(case: Case, artifacts: Artifacts) -> Iterator[Finding]:
    allowed = _names(case, "allowed_imports")
    bad = {
        name: tuple(name for name in imports if name not in allowed) for name, imports in artifacts.dangerous.items()
    }
    bad = {name: imports for name, imports in bad.items() if imports}
    message = f"{artifacts.files:,} files looked through by {artifacts.scanner}"
    count = float(sum(map(len, bad.values())))
    yield Finding(
        "dangerous_imports", count, n=artifacts.files, limit=_NONE, outcome=_NONE.verdict(count), note=message,
        remedy=_REMEDY if bad else None,
    )  # fmt: skip
    for name, imports in list(bad.items())[:_SHOWN]:
        note = f"loading it would import {_listed(imports)}"
        yield Finding(
            "dangerous_imports", float(len(imports)), by={"file": name}, limit=_NONE, outcome="fail", note=note
        )


_REMEDY = (
    "Find out who made the model. One that needs such an import is saved in a format that runs no code (skops, ONNX, "
    "safetensors), or has the import reviewed and allowed in the profile: security.allowed_imports."
)


def _unread(case: Case, artifacts: Artifacts) -> Iterator[Finding]:
    accepted = _names(case, "accepted_files")
    unread = {name: why for name, why in artifacts.unread.items() if name not in accepted}
    if not unread:
        yield Finding("unread_files", 0.0, n=artifacts.files, limit=_NONE, outcome="pass")
    for name, why in list(unread.items())[:_SHOWN]:
        yield Finding(
            "unread_files", float(len(unread)), by={"file": name}, limit=_NONE, outcome="error", note=why,
            remedy="Save it uncompressed or in another format, or have it accepted: security.accepted_files.",
        )  # fmt: skip


def _formats(case: Case, artifacts: Artifacts) -> Iterator[Finding]:
    refused = _names(case, "refuse")
    strange = sorted(refused - set(_REFUSED))
    if strange:
        remedy = f"Choose from: {', '.join(_REFUSED)}."
        raise InputError(f"nothing is called {strange[0]!r} here", where="parameter refuse", remedy=remedy)
    for kind, names in (("pickle", artifacts.pickles), ("code", artifacts.code)):
        limit = _NONE if kind in refused else None
        count = float(len(names))
        yield Finding(
            _REFUSED[kind], count, n=artifacts.files, limit=limit, outcome=limit.verdict(count) if limit else None,
            note=_listed(names) or None,
            remedy="Save the model in a format that runs no code when it is loaded: skops, ONNX, safetensors."
            if limit and names else None,
        )  # fmt: skip

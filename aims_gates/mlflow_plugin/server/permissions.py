"""Who may do what through our routes: one table, and what its words mean.

Reading follows MLflow's own permissions: who may read a registered model (or prompt) may read what the ledger says of
it. What is said through the server is said for the login that the server authenticated, in the roles that the trust
list gives that login; whether these suffice is decided where every statement is admitted to the ledger
(:mod:`aims_gates.attestation.trust_list`). A statement signed by a personal key is taken from anybody who is signed
in: the signature decides.
"""

# mypy: allow-untyped-calls

from collections.abc import Mapping
from enum import Enum

from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import RESOURCE_DOES_NOT_EXIST, ErrorCode

from aims_gates.attestation.trust_list import TrustHistory
from aims_gates.ledger import history
from aims_gates.ledger.table import Source
from aims_gates.mlflow_plugin.store.identity import Principal

__all__ = ["PAGES", "PREFIX", "TABLE", "Needs", "may_edit", "may_read", "may_read_ledger", "requirement"]

#: Where the routes of our API begin.
PREFIX = "/api/2.0/aims"
#: Where our pages for browsers begin.
PAGES = "/aims"


class Needs(Enum):
    """What a route requires of its caller, beyond being signed in."""

    SIGNED_IN = "signed in"
    #: MLflow's permission to read the model that the request, or the statement it names, is about.
    READ_MODEL = "may read the model"
    #: As READ_MODEL; and a person, or a service acting for one, with a role on the trust list.
    SPEAK = "may read the model, and holds the role by the trust list"
    #: MLflow's permission to set an alias of the model.
    EDIT_MODEL = "may set aliases of the model"
    #: An administrator, or a login with the role policy or auditor on the trust list.
    READ_LEDGER = "administrator, or role policy or auditor"
    #: Nothing more than a signature that the trust list knows; the first trust list, an administrator.
    SIGNATURE = "a trusted signature; for the first trust list an administrator"


TABLE: Mapping[tuple[str, str], Needs] = {
    ("GET", f"{PREFIX}/openapi.json"): Needs.SIGNED_IN,
    ("GET", f"{PREFIX}/status"): Needs.SIGNED_IN,
    ("GET", f"{PREFIX}/ledger"): Needs.SIGNED_IN,
    ("GET", f"{PREFIX}/ledger/consistency"): Needs.SIGNED_IN,
    ("GET", f"{PREFIX}/ledger/inclusion"): Needs.SIGNED_IN,
    ("GET", f"{PREFIX}/ledger/rows"): Needs.READ_MODEL,
    ("GET", f"{PREFIX}/ledger/terms"): Needs.READ_MODEL,
    ("GET", f"{PREFIX}/ledger/export"): Needs.READ_LEDGER,
    ("GET", f"{PREFIX}/ledger/verify"): Needs.READ_LEDGER,
    ("GET", f"{PREFIX}/ledger/reconcile"): Needs.READ_LEDGER,
    ("GET", f"{PREFIX}/checkpoint"): Needs.SIGNED_IN,
    ("POST", f"{PREFIX}/checkpoint"): Needs.SIGNED_IN,
    ("GET", f"{PREFIX}/statements"): Needs.READ_MODEL,
    ("POST", f"{PREFIX}/statements"): Needs.SIGNATURE,
    ("GET", f"{PREFIX}/plan"): Needs.READ_MODEL,
    ("GET", f"{PREFIX}/explain"): Needs.READ_MODEL,
    ("GET", f"{PREFIX}/requests"): Needs.READ_MODEL,
    ("POST", f"{PREFIX}/requests"): Needs.SPEAK,
    ("GET", f"{PREFIX}/requests/{{request}}"): Needs.READ_MODEL,
    ("POST", f"{PREFIX}/requests/{{request}}/withdraw"): Needs.SPEAK,
    ("POST", f"{PREFIX}/requests/{{request}}/approve"): Needs.SPEAK,
    ("POST", f"{PREFIX}/requests/{{request}}/reject"): Needs.SPEAK,
    ("POST", f"{PREFIX}/waive"): Needs.SPEAK,
    ("POST", f"{PREFIX}/revoke"): Needs.SPEAK,
    ("POST", f"{PREFIX}/halt"): Needs.SPEAK,
    ("POST", f"{PREFIX}/resume"): Needs.SPEAK,
    ("POST", f"{PREFIX}/rollback"): Needs.SPEAK,
    ("POST", f"{PREFIX}/grants/export"): Needs.SPEAK,
    ("POST", f"{PREFIX}/stage"): Needs.EDIT_MODEL,
    ("POST", f"{PREFIX}/promote"): Needs.EDIT_MODEL,
    ("GET", PAGES): Needs.SIGNED_IN,
    ("GET", f"{PAGES}/"): Needs.READ_MODEL,
    ("GET", f"{PAGES}/models/{{name}}"): Needs.READ_MODEL,
    ("GET", f"{PAGES}/models/{{name}}/versions/{{version}}"): Needs.READ_MODEL,
}


def requirement(method: str, path: str) -> Needs | None:
    """What a route requires; None for a route that is not in the table, which is refused."""
    return TABLE.get((method, path))


def may_read(who: Principal, name: str) -> bool:
    """Whether MLflow lets this caller read the registered model or prompt."""
    return _open_to(who) or _allowed(who.name, name, "read")


def may_edit(who: Principal, name: str) -> bool:
    """Whether MLflow lets this caller set an alias of the registered model or prompt."""
    return _open_to(who) or _allowed(who.name, name, "update")


def may_read_ledger(connection: Source, who: Principal) -> bool:
    """Whether this caller may read the whole ledger."""
    return _open_to(who) or bool(_roles(history(connection), who.name) & {"policy", "auditor"})


def _open_to(who: Principal) -> bool:
    """An administrator; or anybody, on a server that was told to run without authentication, as for MLflow itself."""
    return who.admin or who.via == "http"


def _roles(past: TrustHistory, login: str) -> set[str]:
    trust = past.current()
    known = [entry for entry in (trust.users if trust else ()) if entry.login == login]
    return {role for entry in known for role in entry.roles if f"user:{login}" not in past.told}


def _allowed(login: str, name: str, action: str) -> bool:
    """MLflow's rule for its own routes to a registered model or prompt; a login it does not know may nothing."""
    from aims_gates.mlflow_plugin.internals.server.auth import may
    from aims_gates.mlflow_plugin.internals.server.handlers import is_prompt, registry_store

    try:
        prompt, workspace = False, None
        try:
            model = registry_store().get_registered_model(name)
            prompt, workspace = is_prompt(model), getattr(model, "workspace", None)
        except MlflowException as error:
            if error.error_code != ErrorCode.Name(RESOURCE_DOES_NOT_EXIST):
                raise
        return may(login, "prompt" if prompt else "registered_model", name, workspace, action)
    except MlflowException:
        return False

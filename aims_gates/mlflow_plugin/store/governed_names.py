"""Which names are governed: aliases, stages and the spelling of versions.

Default deny: every alias is gated but a short open list in plain ASCII, so a look-alike spelling of
a gated name, or of an open one, is just another gated name. The database's own guards draw the same
line. Stages are compared after NFKC and casefold.
"""

import re
import unicodedata
from typing import Any

from aims_gates.database.guards import OPEN_ALIASES
from aims_gates.errors import InputError

__all__ = ["OPEN_ALIASES", "PRODUCTION", "folded", "governed_alias", "governed_stage", "version_number"]

#: The one gated stage, as MLflow spells it.
PRODUCTION = "Production"

_VERSION = re.compile(r"[1-9][0-9]{0,9}", re.ASCII)
#: The version column is a 32-bit integer.
_LARGEST = 2**31 - 1


def folded(name: str) -> str:
    """The name as it is compared: NFKC, casefold, NFKC again (folding may undo the first)."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())


def governed_alias(alias: str) -> bool:
    """Whether setting this alias is a promotion."""
    return not alias.isascii() or alias.lower() not in OPEN_ALIASES


def governed_stage(stage: object) -> bool:
    """Whether this stage is Production, in any spelling that MLflow might take for it."""
    return folded(str(stage)).strip() == folded(PRODUCTION)


def version_number(version: Any) -> int:
    """The number of a version spelled ``^[1-9][0-9]*$`` in ASCII digits, or given as an int.

    Raises:
        InputError: another spelling (``01``, ``+1``, ``" 1"``, other digits), a bool, or a number
            that no registry holds. Two spellings of one version would be two names for one thing.
    """
    text = str(version) if isinstance(version, int) and not isinstance(version, bool) else version
    if not isinstance(text, str) or not _VERSION.fullmatch(text) or int(text) > _LARGEST:
        raise InputError(
            f"{version!r} is not how a model version is spelled",
            remedy="Write the version as plain digits without a sign, spaces or leading zeros, e.g. 3.",
        )
    return int(text)

"""Why a model's process ended, in one sentence; all that it printed goes to the log."""

import logging
import os
import re
from pathlib import Path

from aims_gates.errors import InputError

__all__ = ["LOG", "failed"]

#: Names a file to which all is appended that a model printed before it failed.
LOG = "AIMS_GATES_MODEL_LOG"
_LONGEST = 300
#: The last line of a traceback: the exception's name, and what it says.
_RAISED = re.compile(r"^(?P<name>[A-Za-z_][\w.]*(?:Error|Exception|Exit|Interrupt|Warning))(?:: (?P<why>.*))?$")
_MODULE = re.compile(r"No module named '(?P<module>[^']+)'")
#: What the worker says of a model that returns several columns.
_UNNAMED = "none of them is named as its prediction"
_logger = logging.getLogger(__name__)


def failed(code: int, printed: str, model: Path) -> InputError:
    """The error to raise.

    Args:
        code: The exit code of the model's process.
        printed: The end of what it printed.
        model: The model's folder, of which ``requirements.txt`` says which packages it needs.
    """
    _log(code, printed, model)
    missing = _MODULE.search(printed)
    if missing is not None:
        module = missing["module"].partition(".")[0]
        message = f"the model needs the package {module!r}, which is not installed here"
        return InputError(message, where=str(model), remedy=f"Install what it was made with: {_install(model, module)}")
    message = f"the model could not predict (exit {code}): {_cause(printed)}"
    return InputError(message, where=str(model), remedy=_remedy(printed))


def _remedy(printed: str) -> str:
    if _UNNAMED in printed:
        return (
            "Name the column that is the prediction: roles.prediction in the system's system.yaml, or --prediction "
            "COLUMN of aims-gates try-model and aims-gates start."
        )
    return (
        "Load it with mlflow.pyfunc.load_model in a clean environment, predict on the same rows, and fix what fails. "
        f"{LOG}=FILE keeps all that it printed."
    )


def _cause(printed: str) -> str:
    """The exception that ended it, else the last line."""
    lines = [line for line in printed.splitlines() if line.strip()]
    raised = [place for place, line in enumerate(lines) if _RAISED.match(line)]
    text = " ".join(line.strip() for line in (lines[raised[-1] :] if raised else lines[-1:]))
    if len(text) > _LONGEST:
        text = f"{text[:_LONGEST].rsplit(' ', 1)[0]} ..."
    return text or "it printed nothing"


def _install(model: Path, module: str) -> str:
    """The command that installs what the model asks for."""
    if (model / "requirements.txt").is_file():
        return f"pip install -r {model / 'requirements.txt'}"
    return f"pip install {module}"


def _log(code: int, printed: str, model: Path) -> None:
    _logger.debug("%s ended with exit %s: %s", model, code, printed)
    place = os.environ.get(LOG)
    if not place:
        return
    try:
        with Path(place).open("a", encoding="utf-8") as file:
            file.write(f"{model}: exit {code}\n{printed}\n")
    except OSError as error:
        _logger.warning("%s=%s cannot be written: %s", LOG, place, error.strerror)

"""How names may be spelled, and how text is shown: characters that nobody sees, and those that look like others.

A new name is in one script, holds no invisible or compatibility character, and does not look like a name that is there
(Unicode Technical Standard 39: single script, with the combinations of Japanese, Korean and Chinese; its confusable
characters). Names that were there before stay; what of them nobody can tell apart is shown as ``\\u043e``.
"""

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache

from aims_gates.errors import InputError

__all__ = ["INVISIBLE", "check_argument", "check_new_name", "escaped", "invisible", "skeleton"]

#: Characters without a shape that Unicode does not count among the format characters (Cf).
INVISIBLE = frozenset("\u034f\u115f\u1160\u3164\uffa0" + "".join(map(chr, range(0xFE00, 0xFE10))))
#: Control, format, surrogate, private and unassigned characters, and separators.
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs"})
#: Scripts that are written together.
_TOGETHER = (
    frozenset({"LATIN", "HAN", "HIRAGANA", "KATAKANA"}),
    frozenset({"LATIN", "HAN", "BOPOMOFO"}),
    frozenset({"LATIN", "HAN", "HANGUL"}),
)
_NO_SCRIPT = frozenset({"COMMON", "INHERITED", "UNKNOWN"})
#: What a terminal obeys and no argument needs; line breaks and tabs are text.
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_WORD = re.compile(r"\w+")


def invisible(char: str) -> bool:
    """Whether a character shows nothing, or may show anything; a plain space is none."""
    return char in INVISIBLE or (char != " " and unicodedata.category(char) in _UNSEEN)


def _point(char: str) -> str:
    return f"U+{ord(char):04X} {unicodedata.name(char, 'without a name')}"


@lru_cache(maxsize=4096)
def _scripts(text: str) -> frozenset[str]:
    """The scripts of a text's letters."""
    from confusable_homoglyphs import categories

    return frozenset(categories.unique_aliases(text)) - _NO_SCRIPT


def _mixed(text: str) -> bool:
    scripts = _scripts(text)
    return len(scripts) > 1 and not any(scripts <= group for group in _TOGETHER)


@lru_cache(maxsize=4096)
def skeleton(name: str) -> str:
    """A name with each character as the plain one that it looks like; equal for names that nobody can tell apart."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    plain = "".join(char if char.isascii() else _plain(char) for char in folded if not invisible(char))
    return " ".join(plain.split())


def _plain(char: str) -> str:
    from confusable_homoglyphs import confusables

    alike = {entry["c"] for entry in confusables.confusables_data.get(char, ())}
    letters = sorted(other for other in alike if len(other) == 1 and other.isascii() and other.isalnum())
    lower = [letter for letter in letters if letter.islower()]
    return str((lower or [letter.lower() for letter in letters] or [char])[0])


def check_new_name(name: str, what: str, existing: Iterable[str] = ()) -> None:
    """Refuse a new name that people cannot tell from another, or cannot see as it is.

    Args:
        name: The name.
        what: What it is the name of, for messages: ``alias``.
        existing: Names of this kind that are there.

    Raises:
        InputError: naming the character by its code point, or the name that it looks like.
    """
    remedy = f"Write the {what} in letters, digits and signs of one script, without characters that nobody sees."
    hidden = next((char for char in name if invisible(char)), None)
    if hidden is not None:
        raise InputError(f"the {what} '{escaped(name)}' holds {_point(hidden)}", remedy=remedy)
    other = next((char for char in name if _compatible(char)), None)
    if other is not None:
        raise InputError(f"the {what} '{_coded(name)}' holds {_point(other)}, which looks like another", remedy=remedy)
    if not name.isascii() and _mixed(name):
        strange = next(char for char in name if char.isalpha() and not char.isascii())
        scripts = ", ".join(sorted(_scripts(name)))
        message = f"the {what} '{escaped(name)}' mixes scripts ({scripts}): it holds {_point(strange)}"
        raise InputError(message, remedy=remedy)
    twin = next((there for there in existing if _twins(name, there)), None)
    if twin is not None:
        message = f"the {what} '{_coded(name)}' looks like '{escaped(twin)}', which is there already"
        raise InputError(message, remedy="Choose a name that nobody takes for another.")


def _compatible(char: str) -> bool:
    """Whether Unicode has this character for compatibility alone: full width, mathematical, ligatures."""
    return unicodedata.normalize("NFKC", char) != unicodedata.normalize("NFC", char)


def _twins(name: str, there: str) -> bool:
    """Whether two names look alike; two that are plain ASCII are told apart by everybody's font."""
    return name != there and not (name.isascii() and there.isascii()) and skeleton(name) == skeleton(there)


def escaped(text: str) -> str:
    """Text in which whatever nobody sees or can tell apart is written as its code point: ``\\u200b``, ``\\u043e``.

    Line breaks and tabs stay, and so does every word in one script.
    """
    if text.isascii() and text.isprintable():
        return text
    shown = "".join(_code(char) if _unlike(char) and char not in "\n\t" else char for char in text)
    return shown if shown.isascii() else _WORD.sub(_told_apart, shown)


def _unlike(char: str) -> bool:
    """Whether a character shows nothing, or is another one in a font of Unicode's own (mathematical letters)."""
    return invisible(char) or unicodedata.decomposition(char).startswith("<font>")


def _code(char: str) -> str:
    return f"\\u{ord(char):04x}" if ord(char) < 0x10000 else f"\\U{ord(char):08x}"


def _coded(text: str) -> str:
    """Text with every character that is not plain ASCII by its code point."""
    return "".join(char if char.isascii() else _code(char) for char in text)


def _told_apart(word: re.Match[str]) -> str:
    """A word, its letters of another script escaped where it mixes scripts."""
    text = word[0]
    if text.isascii() or not _mixed(text):
        return text
    return "".join(char if char.isascii() or not char.isalpha() else _code(char) for char in text)


def check_argument(text: str) -> None:
    """Refuse a command's argument that a terminal would obey.

    Raises:
        InputError: it holds a control character other than a line break or a tab.
    """
    match = _CONTROL.search(text)
    if match is not None:
        shown = _CONTROL.sub(lambda char: _code(char[0]), text)
        remedy = "Type it again without the character; a pasted text may carry one."
        raise InputError(f"the argument '{shown}' holds the control character U+{ord(match[0]):04X}", remedy=remedy)

"""Names that look like others, characters that nobody sees, and what a terminal would obey."""

import json
from dataclasses import replace

import pytest

from aims_gates.attestation.statements.policy import Trust, TrustedKey, TrustedUser
from aims_gates.cli import main
from aims_gates.documents.spelling import check_argument, check_new_name, escaped, skeleton
from aims_gates.errors import InputError
from aims_gates.ledger.row import body_of
from aims_gates.ledger.verify import verify
from aims_gates.reports.format import clean

OTHER_O = "\u043e"  # Cyrillic


@pytest.mark.parametrize(
    ("name", "point"),
    [
        (f"l{OTHER_O}ans", "U+043E CYRILLIC SMALL LETTER O"),
        ("lo\u200bans", "U+200B ZERO WIDTH SPACE"),
        ("loans\u2060", "U+2060 WORD JOINER"),
        ("lo\u00adans", "U+00AD SOFT HYPHEN"),
        ("loans\ufe0f", "U+FE0F VARIATION SELECTOR-16"),
        ("\u202esnaol", "U+202E RIGHT-TO-LEFT OVERRIDE"),
        ("loans\U000e0061", "U+E0061 TAG LATIN SMALL LETTER A"),
        ("my\u00a0loans", "U+00A0 NO-BREAK SPACE"),
        ("loans\x1b[2J", "U+001B"),
        ("\u3164", "U+3164 HANGUL FILLER"),
        ("\uff4coans", "U+FF4C FULLWIDTH LATIN SMALL LETTER L"),
        ("\U0001d425oans", "U+1D425 MATHEMATICAL BOLD SMALL L"),
        ("l\u03bfans", "U+03BF GREEK SMALL LETTER OMICRON"),
        ("loans\ue000", "U+E000"),
    ],
)
def test_a_new_name_that_nobody_can_tell_apart_or_see_is_refused_with_its_character(name, point):
    with pytest.raises(InputError) as error:
        check_new_name(name, "alias")
    said = str(error.value)
    assert point in said and "alias" in said and "one script" in said
    assert said.isascii(), "the message shows the name escaped"


@pytest.mark.parametrize(
    "name",
    [
        "loans",
        "My loans (2026)",
        "Müller",
        "Straße",
        "\u043a\u0440\u0435\u0434\u0438\u0442",
        "東京タワー",
        "대출 모델",
        "a-b_c.d",
        "model 🚀",
        "",
    ],
)
def test_a_name_in_one_script_is_taken(name):
    check_new_name(name, "name", ["Muller", "loan", "Model"])


def test_a_name_that_looks_like_one_that_is_there_is_refused_though_it_is_in_one_script():
    cyrillic = "\u0441\u043e\u0440\u0443"
    assert skeleton(cyrillic) == skeleton("copy")
    with pytest.raises(InputError, match="looks like 'copy', which is there already"):
        check_new_name(cyrillic, "name", ["other", "copy"])
    check_new_name(cyrillic, "name", ["other", cyrillic])
    check_new_name("modell", "name", ["model1"])  # what is plain ASCII a font tells apart


def test_text_is_shown_with_what_nobody_sees_as_its_code_point():
    assert escaped("plain text\n\twith lines") == "plain text\n\twith lines"
    assert escaped(f"l{OTHER_O}ans by a\u200bb, \u202eabc") == "l\\u043eans by a\\u200bb, \\u202eabc"
    assert escaped("\U000e0061") == "\\U000e0061"
    for text in ("Müller", "кредит, дом", "東京タワー", "caf\u0065\u0301"):
        assert escaped(text) == text
    assert escaped("\U0001d425oans") == "\\U0001d425oans"
    assert clean(f"\x1b[2Jpr{OTHER_O}duction\u200b") == "\ufffd[2Jpr\\u043eduction\\u200b"


def test_every_report_shows_a_look_alike_escaped_and_json_exact():
    from aims_gates.model import Finding
    from aims_gates.reports import GateRun, Report, render

    name = f"l{OTHER_O}ans\u200b"
    report = Report(title=name, gates=(GateRun("drift", name, "pass", (Finding(name, 1.0),)),), notes=(name,))
    for format in ("text", "html", "junit"):
        said = render(format, report)
        assert name not in said and OTHER_O not in said and "\u200b" not in said, format
        assert "\\u043eans\\u200b" in said.replace("<wbr>", ""), format
    assert json.loads(render("json", report))["title"] == name


@pytest.mark.parametrize("argument", ["a\x1b[31mb", "a\x9bb", "a\rb", "\x07", "a\x7f"])
def test_an_argument_that_a_terminal_obeys_is_refused_and_shown_escaped(argument, capsys):
    if argument == "a\rb":
        argument = "a\x0cb"
    with pytest.raises(InputError, match=r"U\+00"):
        check_argument(argument)
    for command in (["explain", argument, "1", "--to", "production"], ["halt", "loans", "--reason", argument]):
        assert main(command) == 1
        shown = capsys.readouterr()
        assert argument not in shown.err + shown.out and "control character U+00" in shown.err
    check_argument("two\nlines\tand a tab")


def test_an_error_about_a_file_of_somebody_elses_is_shown_cleaned(tmp_path, capsys):
    place = tmp_path / "x.yaml"
    place.write_text('name: "evil\\e[2J\\u202e"\n')
    assert main(["try", "drift", "--data", f"reference={place}"]) == 1
    (tmp_path / "records" / "systems" / "loans").mkdir(parents=True)
    (tmp_path / "records" / "systems" / "loans" / "system.yaml").write_text('name: "ev\\e[2J\\u202eil"\nowner: x\n')
    assert main(["plan", "loans", "--pack", str(tmp_path)]) == 1
    shown = capsys.readouterr().err
    assert not set("\x1b\u202e") & set(shown)


def test_a_new_person_or_login_that_looks_like_another_is_not_listed(world, kit):
    world.trust(*map(kit.trusted, kit.ROLES))
    usual = tuple(map(kit.trusted, kit.ROLES))

    def person(name):
        return TrustedKey(kit.key_of(name).public, name, ("risk",))

    other = kit.person("risk").replace("o", OTHER_O)
    for name in (other, f"{kit.person('risk')}\u200b", "\u0441\u043e\u0440\u0443"):
        if name.isalpha():
            world.say(Trust(2, (*usual, person("copy"))), "policy")
        with pytest.raises(InputError, match="the person"):
            world.say(Trust(9, (*usual, person(name))), "policy")
    for login in (f"rita{OTHER_O}", "ri\u00adta"):
        with pytest.raises(InputError, match="the login"):
            world.say(Trust(9, usual, (TrustedUser(login, "Rita", ("risk",)),)), "policy")
        with pytest.raises(InputError, match="the login"):
            world.say(Trust(9, (*usual, replace(person("Rita"), logins=(login,)))), "policy")
    world.say(Trust(9, usual, (TrustedUser("rita", "Rita", ("risk",)),)), "policy")


def test_a_ledger_with_such_a_person_from_before_verifies_and_its_next_list_may_keep_them(world, kit, monkeypatch):
    import aims_gates.ledger.writing as writing

    odd = replace(kit.trusted("risk"), person=f"Rit{OTHER_O}a")
    listed = (*[kit.trusted(role) for role in kit.ROLES if role != "risk"], odd)
    with monkeypatch.context() as before:
        before.setattr(writing, "_check_people", lambda row, past: None)  # as an earlier version appended it
        world.trust(*listed)
    assert verify(world.connection).ok
    world.say(Trust(2, listed), "policy")
    assert body_of(world.rows[-1].statement, world.now)

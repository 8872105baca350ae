"""Profiles: merged, checked, and every mistake named with file, line and remedy."""

from pathlib import Path
from textwrap import dedent

import pytest

from aims_gates.attestation.statements.types import ROLES
from aims_gates.errors import InputError, PackError, ProfileError
from aims_gates.packs.find import find_gates, profile_names
from aims_gates.packs.limits import better
from aims_gates.profiles import NOT_APPROVERS, Resolved, problems_of, read_profile
from aims_gates.simulation.comparison import compare

GATES = find_gates()
GOOD = """\
id: mine
title: Mine
tier: minimal
controls:
  A.7.4: {why: bad data decide badly, gates: [data_quality]}
"""


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    (tmp_path / "profiles").mkdir()
    return tmp_path


def write(pack: Path, text: str, name: str = "mine") -> None:
    (pack / "profiles" / f"{name}.yaml").write_text(dedent(text))


def refused(pack: Path, text: str, name: str = "mine") -> ProfileError:
    """The error of a profile; it must name a file, and carry a remedy."""
    write(pack, text, name)
    with pytest.raises(ProfileError) as caught:
        read_profile(name, GATES, [pack])
    assert caught.value.where is not None and f"{name}.yaml" in caught.value.where
    return caught.value


def read(pack: Path, text: str, name: str = "mine") -> Resolved:
    write(pack, text, name)
    return read_profile(name, GATES, [pack])


def test_every_shipped_profile_reads() -> None:
    for name in profile_names():
        assert problems_of(name, GATES) == []
        assert read_profile(name, GATES).profile.leaves_out or not name.startswith("starter")


def test_an_unknown_profile_is_named_with_those_there_are(pack: Path) -> None:
    with pytest.raises(PackError, match="no profile 'nowhere'") as caught:
        read_profile("nowhere", GATES, [pack])
    assert "starter-minimal" in (caught.value.remedy or "")


def test_an_unknown_control_is_named_with_its_line(pack: Path) -> None:
    error = refused(pack, GOOD + "  A.99.9: {why: nobody knows, gates: [data_quality]}\n")
    assert error.where is not None and error.where.endswith("mine.yaml:6")
    assert "no control 'A.99.9'" in error.message
    assert error.remedy is not None and "controls list" in error.remedy


def test_an_unknown_gate_is_named_with_those_there_are(pack: Path) -> None:
    error = refused(pack, GOOD.replace("data_quality", "data_qualty"))
    assert "no gate 'data_qualty'" in error.message
    assert error.remedy is not None and "data_quality" in error.remedy
    error = refused(pack, GOOD + "gates:\n  nothing: {expires_days: 3}\n")
    assert error.where is not None and error.where.endswith("mine.yaml:7")


def test_a_gate_under_a_control_that_it_does_not_evidence_is_refused(pack: Path) -> None:
    error = refused(pack, GOOD.replace("A.7.4", "A.5.4"))
    assert "does not evidence A.5.4" in error.message
    assert error.remedy is not None and "fairness" in error.remedy


def test_a_gate_that_no_control_names_never_runs_and_is_refused(pack: Path) -> None:
    assert "never runs" in refused(pack, GOOD + "gates: {fairness: {expires_days: 3}}\n").message


def test_a_control_without_a_gate_is_refused_but_for_approvals(pack: Path) -> None:
    text = GOOD + "  A.3.2: {why: people decide}\n"
    assert "no gate evidences it" in refused(pack, text).message
    assert read(pack, text + "approvals: [{role: risk}]\n").profile.controls["A.3.2"].gates == ()


@pytest.mark.parametrize("chain", [["mine"], ["other", "mine"]])
def test_a_profile_that_extends_itself_is_refused_with_the_chain(pack: Path, chain: list[str]) -> None:
    names = ["mine", *chain]
    for name, parent in zip(names, chain, strict=False):
        write(pack, GOOD.replace("mine", name) + f"extends: {parent}\n", name)
    with pytest.raises(ProfileError, match="extends itself") as caught:
        read_profile("mine", GATES, [pack])
    assert " -> ".join(names) in caught.value.message
    assert caught.value.where is not None and ".yaml:6" in caught.value.where


def test_a_parent_that_is_not_there_is_named_where_it_is_extended(pack: Path) -> None:
    error = refused(pack, GOOD + "extends: nobody\n")
    assert error.where is not None and error.where.endswith("mine.yaml:6")
    assert "no profile 'nobody'" in error.message


@pytest.mark.parametrize(
    ("gate", "limit"),
    [
        ("fairness", "demographic_parity_difference: {op: '>=', value: 0.1}"),
        ("fairness", "demographic_parity_ratio: {op: '<=', value: 0.8}"),
        ("performance", "roc_auc: {op: '<=', value: 0.7}"),
        ("performance", "log_loss: {op: '>', value: 0.7}"),
    ],
)
def test_a_limit_the_wrong_way_round_is_refused_with_its_line(pack: Path, gate: str, limit: str) -> None:
    text = f"""\
        id: mine
        title: Mine
        tier: limited
        controls:
          A.6.2.4: {{why: measured, gates: [{gate}]}}
        gates:
          {gate}:
            params:
              limits:
                {limit}
        """
    error = refused(pack, text)
    assert "wrong way round" in error.message
    assert error.where is not None and error.where.endswith("mine.yaml:10")
    assert error.remedy is not None and "Turn it round" in error.remedy


@pytest.mark.parametrize("params", ["{limitz: {}}", "{confidence: high}", "{limits: {roc_auc: 0.7}}"])
def test_parameters_a_gate_does_not_take_are_refused(pack: Path, params: str) -> None:
    text = GOOD + "  A.6.2.4: {why: measured, gates: [performance]}\n"
    error = refused(pack, text + f"gates:\n  performance:\n    params: {params}\n")
    assert error.remedy and "gates.performance.params" in error.message


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("tiers: high\n", "unknown field"),
        ("title: Mine again\n", "is there twice"),
        ("expires: 2026-02-30\n", "not a date"),
        ("expires: soon\n", "pattern"),
        ("approval_days: 0\n", "greater than 0"),
        ("approval_days: .inf\n", "finite"),
        ("approvals: [{role: ci}]\n", "'ci' cannot approve"),
        ("approvals: [{role: risk}, {role: risk}]\n", "is there twice"),
        ("approvals: [{role: risk, count: 0}]\n", "greater than"),
        ("waivers: {roles: [policy]}\n", "'policy' cannot approve or waive"),
        ("gates: {data_quality: {accept: [latest]}}\n", "not a digest"),
    ],
)
def test_a_field_that_cannot_be_meant_is_refused(pack: Path, more: str, said: str) -> None:
    write(pack, GOOD + more)
    with pytest.raises(InputError) as caught:
        read_profile("mine", GATES, [pack])
    assert said in caught.value.message
    assert caught.value.where is not None and "mine.yaml:" in caught.value.where


def test_the_roles_that_cannot_approve_are_the_built_in_ones() -> None:
    assert set(NOT_APPROVERS) == set(ROLES)


@pytest.mark.parametrize("controls", ["[A.7.4]", "null", "A.7.4", "{A.7.4: [data_quality]}"])
def test_a_child_of_the_wrong_shape_is_an_error_and_no_crash(pack: Path, controls: str) -> None:
    write(pack, GOOD, "parent")
    error = refused(pack, f"id: mine\ntitle: Mine\ntier: minimal\nextends: starter-minimal\ncontrols: {controls}\n")
    assert "controls" in error.message


@pytest.mark.parametrize("params", ["[1]", "null", "text"])
def test_parameters_of_the_wrong_shape_in_a_child_are_an_error_and_no_crash(pack: Path, params: str) -> None:
    write(pack, GOOD.replace("mine", "parent") + "gates: {data_quality: {params: {}}}\n", "parent")
    head = "id: mine\ntitle: Mine\ntier: minimal\nextends: parent\n"
    assert "params" in refused(pack, head + f"gates: {{data_quality: {{params: {params}}}}}\n").message


def test_a_child_overrides_entry_by_entry_and_params_key_by_key(pack: Path) -> None:
    parent = """\
        id: parent
        title: Parent
        tier: limited
        controls:
          A.7.4: {why: data, gates: [data_quality]}
          A.6.2.4: {why: measured, gates: [performance]}
        gates:
          performance: {params: {confidence: 0.9, bins: 5}, expires_days: 30}
        """
    write(pack, parent, "parent")
    child = """\
        id: mine
        title: Mine
        tier: high
        extends: parent
        controls:
          A.6.2.4: {why: measured better}
        gates:
          performance: {params: {bins: 20}}
        """
    found = read(pack, child).profile
    assert found.tier == "high" and list(found.controls) == ["A.7.4", "A.6.2.4"]
    assert found.controls["A.6.2.4"].why == "measured better"
    assert found.controls["A.6.2.4"].gates == ("performance",)
    assert found.gates["performance"].params == {"confidence": 0.9, "bins": 20}
    assert found.gates["performance"].expires_days == 30


def test_the_digest_is_of_the_merged_content(pack: Path) -> None:
    write(pack, GOOD.replace("mine", "parent"), "parent")
    child = "id: mine\ntitle: Mine\ntier: minimal\nextends: parent\n"
    before = read(pack, child).digest
    assert read(pack, f"# a comment\n{child}").digest == before
    write(pack, GOOD.replace("mine", "parent") + "approval_days: 7\n", "parent")
    assert read(pack, child).digest != before


def test_an_id_that_differs_from_the_file_is_refused(pack: Path) -> None:
    assert "differs from the file's name" in refused(pack, GOOD.replace("id: mine", "id: yours")).message


def test_lint_names_every_problem_and_reading_says_how_many_more(pack: Path) -> None:
    text = GOOD + "  A.99.1: {why: x}\n  A.99.2: {why: x}\napprovals: [{role: ci}]\n"
    error = refused(pack, text)
    assert "2 more" in error.message and "profile lint mine" in error.message
    assert len(problems_of("mine", GATES, [pack])) == 3


def complete(gate: str, params: str, control: str = "A.6.2.4", tier: str = "high", more: str = "") -> str:
    """A profile with one gate; its parameters stand in line 10."""
    return (
        dedent(f"""\
        id: mine
        title: Mine
        tier: {tier}
        controls:
          {control}:
            why: measured
            gates: [{gate}]
        gates:
          {gate}:
            params: {params}
        """)
        + more
    )


@pytest.mark.parametrize(
    ("gate", "control", "params"),
    [
        ("drift", "A.7.4", "{limits: {psi: {op: '>=', value: 0.2}}}"),
        ("drift", "A.7.4", "{limits: {p_value: {op: '<=', value: 0.05}}}"),
        ("security", "A.6.2.4", "{limits: {attack_success_rate: {op: '>=', value: 0.1}}}"),
        ("security", "A.6.2.4", "{class_limits: {jailbreak: {op: '>=', value: 0.1}}}"),
        ("robustness", "A.6.2.4", "{limits: {flip_rate: {op: '>', value: 0.1}}}"),
        ("explainability", "A.6.2.4", "{limits: {reason_coverage: {op: '<=', value: 1.0}}}"),
        ("performance", "A.6.2.4", "{slice_limits: {accuracy: {op: '<=', value: 0.6}}}"),
        ("performance", "A.6.2.4", "{limits: {brier_champion_difference: {op: '>=', value: 0.0}}}"),
    ],
)
def test_a_limit_is_read_the_way_its_own_gate_reads_the_measure(
    pack: Path, gate: str, control: str, params: str
) -> None:
    error = refused(pack, complete(gate, params, control))
    assert "wrong way round" in error.message
    assert error.where is not None and error.where.endswith("mine.yaml:10")
    assert error.remedy is not None and "Turn it round" in error.remedy


def test_a_limit_on_what_the_gate_does_not_measure_is_named_with_the_nearest(pack: Path) -> None:
    error = refused(pack, complete("fairness", "{limits: {demografic_parity_ratio: {op: '>=', value: 0.8}}}"))
    assert "no measure 'demografic_parity_ratio'" in error.message
    assert error.remedy is not None and "Did you mean demographic_parity_ratio?" in error.remedy


@pytest.mark.parametrize(
    ("gate", "params", "said"),
    [
        ("performance", "{limits: {roc_auc: {op: '>=', value: 0.0}}}", "can never fire"),
        ("fairness", "{limits: {accuracy_difference: {op: '<=', value: 1.0}}}", "can never fire"),
        ("performance", "{limits: {roc_auc: {op: '>', value: 1.0}}}", "can never be kept"),
        ("performance", "{slice_limits: {accuracy: {op: '>=', value: 0.0}}}", "can never fire"),
    ],
)
def test_a_limit_that_nothing_breaks_or_keeps_is_refused(pack: Path, gate: str, params: str, said: str) -> None:
    error = refused(pack, complete(gate, params))
    assert said in error.message
    assert error.where is not None and error.where.endswith("mine.yaml:10") and error.remedy


@pytest.mark.parametrize(("text", "right"), [("'yes'", "true"), ("no", "false"), ("'true'", "true")])
def test_a_condition_that_no_fact_can_hold_is_refused(pack: Path, text: str, right: str) -> None:
    more = f"    applies_when: {{affects_people: {text}}}\n"
    error = refused(pack, complete("fairness", "{}", more=more))
    assert "could never apply" in error.message
    assert error.where is not None and error.where.endswith("mine.yaml:11")
    assert error.remedy is not None and right in error.remedy


@pytest.mark.parametrize(
    ("gate", "control", "tier", "days", "bound"),
    [
        ("performance", "A.6.2.4", "high", 91, 90),
        ("performance", "A.6.2.4", "limited", 181, 180),
        ("suppliers", "A.10.3", "minimal", 32, 31),
    ],
)
def test_evidence_that_lives_longer_than_the_catalogue_lets_it_is_refused(
    pack: Path, gate: str, control: str, tier: str, days: int, bound: int
) -> None:
    text = complete(gate, "{}", control, tier)
    error = refused(pack, text + f"    expires_days: {days}\n")
    assert f"{days} days is longer than the catalogue's {bound} for {control}" in error.message
    assert error.where is not None and error.where.endswith("mine.yaml:11")
    assert error.remedy is not None and f"at most {bound}" in error.remedy
    assert read(pack, text + f"    expires_days: {bound}\n")


def test_an_age_that_a_gate_may_allow_and_approvals_are_bounded_by_the_catalogue_too(pack: Path) -> None:
    error = refused(pack, complete("concerns", "{max_test_days: 181}", "A.3.3"))
    assert "181 days is longer than the catalogue's 180 for A.3.3" in error.message
    error = refused(pack, GOOD + "approval_days: 91\n")
    assert "91 days is longer than the catalogue's 90 for A.6.2.5" in error.message


def test_a_required_control_without_a_gate_is_told_which_gates_there_are(pack: Path) -> None:
    error = refused(pack, GOOD + "  A.5.3: {why: it must be written down}\n")
    assert "A.5.3: no gate evidences it" in error.message
    assert error.remedy is not None and "impact_assessment" in error.remedy


def test_a_clause_can_be_required_like_a_control(pack: Path) -> None:
    found = read(pack, GOOD + "  '9.2': {why: somebody else has to look, gates: [internal_audit]}\n").profile
    assert found.controls["9.2"].gates == ("internal_audit",)
    assert "does not evidence 9.3" in refused(pack, GOOD + "  '9.3': {why: x, gates: [internal_audit]}\n").message
    assert "no control '9.9'" in refused(pack, GOOD + "  '9.9': {why: x, gates: [internal_audit]}\n").message


def test_a_control_of_ones_own_can_be_required_where_a_gate_evidences_it(pack: Path) -> None:
    gate = pack / "gates" / "second_look"
    gate.mkdir(parents=True)
    shipped = (Path("gates") / "planned_changes" / "gate.yaml").read_text()
    (gate / "gate.yaml").write_text(shipped.replace("planned_changes\n", "second_look\n", 1).replace("'6.3'", "X.1"))
    rule = "  X.1: {why: large loans get a second look, gates: [second_look]}\n"
    write(pack, GOOD + rule)
    assert read_profile("mine", find_gates([pack]), [pack]).profile.controls["X.1"].gates == ("second_look",)
    assert (
        "does not evidence X.2"
        in refused(pack, GOOD + rule.replace("X.1", "X.2").replace("second_look", "roles")).message
    )
    assert "no control 'X.'" in refused(pack, GOOD + rule.replace("X.1", "X.")).message


def test_the_measures_that_gates_declare_agree_with_what_limits_know_of_them() -> None:
    for gate in GATES.values():
        for parameter in gate.manifest.parameters.values():
            if parameter.measures is None:
                continue
            for way, names in (("more", parameter.measures.more), ("less", parameter.measures.less)):
                assert {better(name) for name in names} <= {way, None}, gate.id
            for measure in parameter.default or {}:
                assert parameter.measures.way(measure) is not None, (gate.id, measure)


OVERLAY = """\
id: people
title: about people
tier: any
controls:
  A.5.4: {why: people, gates: [fairness]}
  A.7.4: {why: data about people, gates: [data_quality], enforcement: note}
gates:
  fairness: {params: {limits: {demographic_parity_ratio: {op: ">=", value: 0.7}}}, expires_days: 60}
approvals: [{role: owner, count: 2}, {role: ethics}]
"""
BASE = (
    GOOD
    + """\
  A.6.2.4: {why: measured, gates: [fairness]}
gates:
  fairness:
    params: {limits: {demographic_parity_ratio: {op: ">=", value: 0.8}}, confidence: 0.9}
    expires_days: 90
    applies_when: {affects_people: true}
approvals: [{role: owner}]
"""
)


def test_an_overlay_adds_and_tightens_and_never_loosens(pack: Path) -> None:
    write(pack, BASE)
    write(pack, OVERLAY, "people")
    found = read_profile("mine+people", GATES, [pack]).profile
    assert (found.id, found.tier) == ("mine+people", "minimal")
    assert found.controls["A.7.4"].enforcement == "block"
    assert found.controls["A.5.4"].gates == ("fairness",)
    rule = found.gates["fairness"]
    assert rule.params == {"limits": {"demographic_parity_ratio": {"op": ">=", "value": 0.8}}, "confidence": 0.9}
    assert rule.expires_days == 60 and rule.applies_when == {"affects_people": True}
    assert [(each.role, each.count) for each in found.approvals] == [("owner", 2), ("ethics", 1)]
    ways = {each.way for each in compare(read_profile("mine", GATES, [pack]).profile, found, GATES)}
    assert "loosened" not in ways and "tightened" in ways


@pytest.mark.parametrize("name", [name for name in profile_names() if name.startswith(("eu-", "gpai", "management"))])
@pytest.mark.parametrize("tier", ["minimal", "limited", "high"])
def test_a_shipped_overlay_loosens_nothing(name: str, tier: str) -> None:
    before, after = (read_profile(each, GATES).profile for each in (tier, f"{tier}+{name}"))
    assert [each.said for each in compare(before, after, GATES) if each.way == "loosened"] == []


def test_an_overlay_takes_a_condition_away_and_adds_none_to_what_is_due(pack: Path) -> None:
    write(pack, BASE)
    write(pack, OVERLAY.replace("expires_days: 60", "expires_days: 60, applies_when: {}"), "people")
    assert read_profile("mine+people", GATES, [pack]).profile.gates["fairness"].applies_when == {}
    write(pack, BASE.replace("    applies_when: {affects_people: true}\n", ""))
    write(pack, OVERLAY.replace("expires_days: 60", "applies_when: {generative: true}"), "people")
    assert read_profile("mine+people", GATES, [pack]).profile.gates["fairness"].applies_when == {}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("people+mine", "'mine' is no overlay"),
        ("people+people", "'people' is an overlay itself"),
        ("mine+mine", "no ov"),
    ],
)
def test_only_an_overlay_is_laid_over_and_only_over_a_profile(pack: Path, name: str, said: str) -> None:
    write(pack, BASE)
    write(pack, OVERLAY, "people")
    with pytest.raises(ProfileError, match=said) as caught:
        read_profile(name, GATES, [pack])
    assert caught.value.where is not None and caught.value.remedy


def test_an_overlay_sets_no_waivers_and_a_mistake_in_it_is_named_in_its_own_file(pack: Path) -> None:
    error = refused(pack, OVERLAY.replace("people", "mine", 1) + "waivers: {roles: [owner]}\n")
    assert "an overlay cannot set waivers" in error.message
    write(pack, BASE)
    write(pack, OVERLAY.replace("[fairness]}", "[fairnes]}"), "people")
    with pytest.raises(ProfileError, match="no gate 'fairnes'") as caught:
        read_profile("mine+people", GATES, [pack])
    assert caught.value.where is not None and caught.value.where.endswith("people.yaml:5")


SIGNED = GOOD + "least_basis: attested\nleast_basis_why: nothing typed\n"


def test_a_profile_says_the_least_basis_of_all_its_controls_and_a_control_another(pack: Path) -> None:
    more = "  A.2.2: {why: a policy, gates: [ai_policy], least_basis: declared, least_basis_why: it is new}\n"
    profile = read(pack, GOOD + more + SIGNED.removeprefix(GOOD)).profile
    assert profile.basis_asked("A.7.4") == ("attested", "nothing typed")
    assert profile.basis_asked("A.2.2") == ("declared", "it is new")
    child = read(pack, "id: child\ntitle: Child\ntier: minimal\nextends: mine\n" + "controls: {}\n", "child").profile
    assert child.basis_asked("A.7.4") == ("attested", "nothing typed")
    assert read(pack, GOOD).profile.basis_asked("A.7.4") == ("", "")


def test_a_least_basis_wants_a_reason_and_what_can_be_reached(pack: Path) -> None:
    error = refused(pack, SIGNED.replace("least_basis_why: nothing typed\n", ""))
    assert "least_basis: says no reason" in error.message
    measured = GOOD + "  A.2.2: {why: a policy, gates: [ai_policy]}\n" + SIGNED.removeprefix(GOOD)
    error = refused(pack, measured.replace("attested", "measured"))
    assert "ai_policy reads what people wrote" in error.message


@pytest.mark.parametrize(
    ("control", "asked"),
    [
        ("A.7.4: {why: x, gates: [data_quality], least_basis: declared, least_basis_why: y}", "attested"),
        ("A.7.4: {why: x, gates: [data_quality], least_basis: measured, least_basis_why: y}", "measured"),
        ("A.7.4: {why: x, gates: [data_quality]}", "attested"),
        ("A.5.4: {why: x, gates: [fairness], least_basis: declared, least_basis_why: y}", "attested"),
    ],
)
def test_an_overlay_asks_for_no_weaker_basis_than_the_profile(pack: Path, control: str, asked: str) -> None:
    write(pack, SIGNED)
    write(pack, f"id: people\ntitle: People\ntier: any\ncontrols:\n  {control}\n", "people")
    both = read_profile("mine+people", GATES, [pack]).profile
    assert both.basis_asked(control[:5])[0] == asked
    before, ways = read_profile("mine", GATES, [pack]).profile, []
    ways = [change.way for change in compare(before, both, GATES) if "known at least as" in change.said]
    assert ways == (["tightened"] if asked == "measured" else [])


CHILD = "id: child\ntitle: Child\ntier: minimal\nextends: mine\n"
LESS = "least_basis: declared, least_basis_why: y}"


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("least_basis: declared\nleast_basis_why: y\ncontrols: {}\n", "", "declared is weaker than attested"),
        ("least_basis: ''\ncontrols: {}\n", "", "any basis is weaker than attested"),
        (f"controls:\n  A.7.4: {{{LESS}\n", "controls.A.7.4.", "declared is weaker than attested"),
        (
            f"controls:\n  A.5.4: {{why: x, gates: [fairness], {LESS}\n",
            "controls.A.5.4.",
            "declared is weaker than att",
        ),
    ],
)
def test_a_profile_asks_for_no_weaker_basis_than_the_one_it_extends(
    pack: Path, text: str, place: str, message: str
) -> None:
    write(pack, SIGNED)
    error = refused(pack, CHILD + text, "child")
    assert error.message.startswith(f"{place}least_basis: {message}") and "attested" in str(error.remedy)
    write(pack, "id: people\ntitle: People\ntier: any\ncontrols:\n  A.7.4: {why: x, gates: [data_quality]}\n", "people")
    write(pack, "id: grandchild\ntitle: G\ntier: minimal\nextends: child\ncontrols: {}\n", "grandchild")
    for name in ("child+people", "grandchild"):
        with pytest.raises(ProfileError, match="is weaker than attested") as caught:
            read_profile(name, GATES, [pack])
        assert "child.yaml:" in str(caught.value.where)


@pytest.mark.parametrize(
    "text",
    [
        "controls:\n  A.7.4: {least_basis: measured, least_basis_why: y}\n",
        "least_basis: measured\nleast_basis_why: y\ncontrols:\n  A.7.4: {why: anew}\n",
        "controls:\n  A.7.4: {least_basis: '', why: anew}\n",
    ],
)
def test_a_profile_may_ask_for_a_stronger_basis_than_the_one_it_extends(pack: Path, text: str) -> None:
    write(pack, SIGNED)
    assert read(pack, CHILD + text, "child").profile.basis_asked("A.7.4")[0] in ("attested", "measured")


def test_a_profile_that_takes_what_is_typed_again_is_loosened(pack: Path) -> None:
    before, after = read(pack, SIGNED).profile, read(pack, GOOD).profile
    said = {change.said: change.way for change in compare(before, after, GATES)}
    assert said["controls: known at least as declared instead of attested"] == "loosened"


def test_tier_high_takes_nothing_that_is_only_typed() -> None:
    for name in ("high", "small-organization", "nyc-ll144", "high+management-system+gpai-provider"):
        profile = read_profile(name, GATES).profile
        assert {profile.basis_asked(control)[0] for control in profile.controls} == {"attested"}, name

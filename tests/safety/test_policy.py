"""A policy is a value: printed, compared, stored, read from a file; what is wrong in it is said exactly."""

import dataclasses
from pathlib import Path

import msgspec
import pytest

from otpy.safety import PRESETS, Allow, Policy, policy_from, read_policy

POLICY = Policy(
    refuse=("system",),
    warn=("files",),
    allow=(Allow(rule="system", what="subprocess.run*", modules="shop.tools.*", why="exports"),),
    protected_modules=("shop.money",),
    max_pause_s=0.5,
    riskiest_verdict="shape",
    max_risk="medium",
    effects=("file",),
    otpy_effects=("send",),
)


def test_policy_is_compared_hashed_and_frozen() -> None:
    """Two that say the same are the same."""
    assert dataclasses.replace(POLICY) == POLICY
    assert len({POLICY, dataclasses.replace(POLICY), Policy()}) == 2
    with pytest.raises(dataclasses.FrozenInstanceError):
        POLICY.known = "off"  # type: ignore[misc]


@pytest.mark.parametrize("policy", [POLICY, *PRESETS.values()])
def test_policy_goes_through_json_and_msgpack(policy: Policy) -> None:
    """It is kept with the plan that it has judged."""
    assert msgspec.json.decode(msgspec.json.encode(policy), type=Policy) == policy
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(policy), type=Policy) == policy


def test_policy_prints_itself() -> None:
    """For `otpy plan`, and for who wonders why something was refused."""
    assert str(POLICY) == (
        "refuses: system\n"
        "warns of: files\n"
        "what the running version does already: warn\n"
        "allows: system: subprocess.run* in shop.tools.* (exports)\n"
        "protects: shop.money\n"
        "longest pause: 0.5 s\n"
        "riskiest verdict: shape\n"
        "highest risk: medium\n"
        "effects allowed in a rehearsal: file\n"
        "calls of otpy allowed in a rehearsal: send"
    )
    assert "allow_dangerous" in str(Policy(allow_dangerous=True))


def test_rule_has_one_answer() -> None:
    """Both would mean: it depends on who reads it."""
    with pytest.raises(ValueError, match="files is both in refuse and in warn"):
        Policy(refuse=("files",), warn=("files",))


@pytest.mark.parametrize("pause", [-1.0, float("nan")])
def test_pause_is_a_time(pause: float) -> None:
    """Not a number would forbid nothing."""
    with pytest.raises(ValueError, match="max_pause_s is seconds"):
        Policy(max_pause_s=pause)


# -- TOML ------------------------------------------------------------------------------------------

TOML = """
[tool.otpy.safety]
preset = "standard"
warn = ["files"]
off = ["insides"]
protected_modules = ["shop.money"]
max_pause_s = 1

[[tool.otpy.safety.allow]]
rule = "system"
modules = "shop.tools.*"
"""


def test_table_moves_rules_from_where_the_preset_has_them(tmp_path: Path) -> None:
    """One says what is different, not everything."""
    path = tmp_path / "pyproject.toml"
    path.write_text(TOML)
    policy = read_policy(path)
    assert policy.answer("files") == "warn"
    assert policy.answer("insides") == "off"
    assert policy.answer("system") == "refuse"
    assert policy.allow == (Allow(rule="system", modules="shop.tools.*"),)
    assert (policy.protected_modules, policy.max_pause_s) == (("shop.money",), 1.0)


def test_file_without_the_table_gives_the_default(tmp_path: Path) -> None:
    """Most projects have a pyproject.toml, and nothing to say."""
    path = tmp_path / "pyproject.toml"
    path.write_text("[project]\nname = 'shop'\n")
    assert read_policy(path) == Policy()


def test_all_keys_can_be_given() -> None:
    """What a policy has, a table can say."""
    table = {
        "preset": "strict",
        "refuse": ["blocking"],
        "warn": ["files"],
        "off": ["insides"],
        "known": "off",
        "allow_dangerous": True,
        "allow": [{"rule": "system", "what": "os.*", "modules": "m", "why": "w"}],
        "protected_modules": ["a"],
        "max_pause_s": 0.5,
        "riskiest_verdict": "body",
        "max_risk": "low",
        "effects": ["file"],
        "otpy_effects": ["send"],
    }
    policy = policy_from(table)
    assert {field.name for field in dataclasses.fields(Policy)} <= set(table)
    unchanged = [f.name for f in dataclasses.fields(Policy) if getattr(policy, f.name) == getattr(Policy(), f.name)]
    assert unchanged == []


WRONG = [
    ([], "p: a table is wanted, not []"),
    ({"max_pauze_s": 1}, "p: no key 'max_pauze_s'; did you mean 'max_pause_s'? There are preset, "),
    ({"preset": "lax"}, "p: preset: 'lax' is none of them; There are advice, standard, strict"),
    ({"warn": ["file"]}, "p: warn[0]: 'file' is none of them; did you mean 'files'? There are "),
    ({"warn": "files"}, "p: warn: a list is wanted, not 'files'"),
    ({"warn": ["files"], "off": ["files"]}, "p: 'files' is in warn and in off; a rule has one answer"),
    ({"max_pause_s": "1s"}, "p: max_pause_s: seconds are wanted, 0 or more, not '1s'"),
    ({"max_pause_s": True}, "p: max_pause_s: seconds are wanted, 0 or more, not True"),
    ({"allow_dangerous": "yes"}, "p: allow_dangerous: true or false is wanted, not 'yes'"),
    ({"protected_modules": [1]}, "p: protected_modules[0]: a text is wanted, not 1"),
    ({"riskiest_verdict": "shap"}, "p: riskiest_verdict: 'shap' is none of them; did you mean 'shape'? There are "),
    ({"max_risk": 3}, "p: max_risk: 3 is none of them; There are none, low, medium, high"),
    ({"effects": ["files"]}, "p: effects[0]: 'files' is none of them; did you mean 'file'? There are file, "),
    ({"known": "maybe"}, "p: known: 'maybe' is none of them; There are refuse, warn, off"),
    ({"allow": [{"what": "x"}]}, "p: allow[0]: rule is missing; it is one of "),
    ({"allow": [{"rule": "sys"}]}, "p: allow[0]: rule: 'sys' is none of them; "),
    (
        {"allow": [{"rule": "system", "module": "m"}]},
        "p: allow[0]: no key 'module'; did you mean 'modules'? There are ",
    ),
    ({"allow": [{"rule": "system", "what": 1}]}, "p: allow[0]: what: a text is wanted, not 1"),
]


@pytest.mark.parametrize(("table", "message"), WRONG)
def test_mistakes_in_a_table_are_named_exactly(table: object, message: str) -> None:
    """Where, what is there, and what may be."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the message is compared below
        policy_from(table, where="p")
    assert str(caught.value).startswith(message)


def test_mistake_in_a_file_names_the_file(tmp_path: Path) -> None:
    """And what is no TOML at all is said too."""
    path = tmp_path / "pyproject.toml"
    path.write_text("[tool.otpy.safety]\npreset = 1\n")
    with pytest.raises(ValueError, match=r"pyproject.toml \[tool.otpy.safety\]: preset: 1 is none of them"):
        read_policy(path)
    path.write_text("[tool")
    with pytest.raises(ValueError, match=r"pyproject.toml is no TOML"):
        read_policy(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ValueError, match=r"pyproject.toml is no TOML"):
        read_policy(path)
    path.write_text("tool = 1")
    with pytest.raises(ValueError, match="a table is wanted, not 1"):
        read_policy(path)

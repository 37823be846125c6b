"""What a policy makes of findings: it judges the edit, and every answer can be chosen."""

from collections.abc import Iterable

import pytest

from otpy.safety import PRESETS, RULES, Allow, Finding, Judgement, Policy, Source, check_sources

RUNS = "import os\ndef f(x):\n    os.system(x)\n"
EDITED = "import os\ndef f(x):\n    os.system(x)\n    return 1\n"
MOVED = "# a comment\nimport os\n\ndef f(x):\n    os.system( x )\n"
MORE = "import os\ndef f(x):\n    os.system(x)\n    os.system(x)\n"
ELSEWHERE = "import os\ndef g(x):\n    os.system(x)\n"


def judged(source: str, policy: Policy, *, running: str | None = None) -> tuple[list[str], list[str]]:
    """Return the rules that refuse and that warn."""
    judgement = check_sources({"m": source}, policy, running={"m": running} if running is not None else None)
    return [f.rule for f in judgement.refused], [f.rule for f in judgement.warned]


def test_default_refuses_what_is_dangerous_and_warns_of_what_may_be() -> None:
    """`allow_dangerous` would have no meaning otherwise."""
    assert judged(RUNS, Policy()) == (["system"], [])
    assert judged("import sys\ndef f():\n    return sys._getframe()\n", Policy()) == ([], ["insides"])


def test_allow_dangerous_turns_refusals_into_warnings() -> None:
    """They are still told: nothing is hidden from who allows it."""
    assert judged(RUNS, Policy(allow_dangerous=True)) == ([], ["system"])


@pytest.mark.parametrize(
    ("new", "refused", "warned"), [(RUNS, 0, 0), (EDITED, 0, 1), (MOVED, 0, 1), (MORE, 1, 1), (ELSEWHERE, 1, 0)]
)
def test_what_runs_already_may_go_on(new: str, refused: int, warned: int) -> None:
    """The edit is judged, not the past; but each more is an edit, and so is the same in another function.

    It is told of where it is edited, and not at each upgrade again.
    """
    judgement = check_sources({"m": new}, Policy(), running={"m": RUNS})
    assert (len(judgement.refused), len(judgement.warned)) == (refused, warned)


def test_known_says_what_becomes_of_what_runs_already() -> None:
    """Some want to hear nothing of it, some to have it mended."""
    assert judged(EDITED, Policy(known="off"), running=RUNS) == ([], [])
    assert judged(RUNS, Policy(known="refuse"), running=RUNS) == (["system"], [])


def test_running_source_that_cannot_be_read_excuses_nothing() -> None:
    """Then nobody knows what runs."""
    assert judged(RUNS, Policy(), running="def f(:") == (["system"], [])


@pytest.mark.parametrize(
    ("allow", "refused"),
    [
        (Allow(rule="system"), []),
        (Allow(rule="system", what="os.system(*"), []),
        (Allow(rule="system", what="subprocess.*"), ["system"]),
        (Allow(rule="system", modules="m"), []),
        (Allow(rule="system", modules="shop.*"), ["system"]),
        (Allow(rule="files"), ["system"]),
    ],
)
def test_exceptions_are_named_by_rule_code_and_module(allow: Allow, refused: list[str]) -> None:
    """So that a module that runs programs does not open the door for all others."""
    assert judged(RUNS, Policy(allow=(allow,))) == (refused, [])


def test_presets_answer_differently() -> None:
    """From advice only to no mercy."""
    assert judged(RUNS, PRESETS["advice"]) == ([], ["system"])
    assert judged(f"{RUNS}f('ls')\n", PRESETS["advice"])[0] == ["import-effects"]
    assert judged(RUNS, PRESETS["standard"]) == (["system"], [])
    assert judged(RUNS, PRESETS["strict"], running=RUNS) == (["system"], [])
    assert PRESETS["standard"] == Policy()


def test_presets_know_every_rule() -> None:
    """A rule that a preset forgets is off without anybody having decided it."""
    for name in ("standard", "strict"):
        assert {*PRESETS[name].refuse, *PRESETS[name].warn} == set(RULES)


def test_unknown_rule_is_said_and_the_known_are_listed() -> None:
    """A misspelled rule would be off."""
    with pytest.raises(ValueError, match=r"no rule is called 'sistem'; there are blocking, .*system"):
        check_sources({}, Policy(refuse=("sistem",)))


def test_several_sources_are_judged_together_with_their_files() -> None:
    """One list for the whole upgrade."""
    judgement = check_sources({"a": RUNS, "b": RUNS}, Policy(), paths={"a": "src/a.py"})
    assert [str(f).partition(": ")[0] for f in judgement.refused] == ["src/a.py:3:5", "b:3:5"]
    assert str(judgement).count("refused  ") == 2
    assert str(Judgement()) == "nothing found"


def test_rules_can_be_added() -> None:
    """The language layer of the sandbox is one."""

    class NoTabs:
        """Finds the first tab."""

        name = "no-tabs"

        def check(self, source: Source) -> Iterable[Finding]:
            """See Rule.check."""
            for line, text in enumerate(source.text.splitlines(), 1):
                if "\t" in text:
                    yield Finding(source.module, line, text.index("\t") + 1, self.name, "a tab", "use blanks")

    policy = Policy(refuse=("no-tabs",), warn=())
    judgement = check_sources({"m": "if 1:\n\tx = 1\n"}, policy, rules={"no-tabs": NoTabs()})
    assert [str(f) for f in judgement.refused] == ["m:2:1: no-tabs: a tab (use blanks)"]

"""Is an edit safe? Told from two texts, or by the node that runs the old one, in lines that editors understand."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

from otpy.cli.importers import module_name
from tests.cli.conftest import Finished, Shell, one_line

OLD = """
from dataclasses import dataclass

import otpy
from otpy import Ok, Reply, SupFlags

__vsn__ = "1"


@dataclass
class Money:
    euros: int


class Till(otpy.GenServer[Money]):
    def init(self, arg):
        return Ok(Money(arg))

    def handle_call(self, request, from_, state):
        return Reply(state.euros, state)


class Root(otpy.Supervisor):
    def init(self, arg):
        return SupFlags(), [Till.child_spec(10, id="till", name="till")]
"""
SAFE = OLD.replace("Reply(state.euros, state)", "Reply(state.euros * 100, state)")
SHAPE = OLD.replace('"1"', '"2"').replace("euros: int", 'euros: int\n    currency: str = "EUR"')
NO_DEFAULT = OLD.replace('"1"', '"2"').replace("euros: int", "euros: int\n    currency: str")
DANGEROUS = OLD.replace("import otpy\n", "import os\n\nimport otpy\n", 1).replace(
    "return Reply(state.euros, state)", "os.system('date')\n        return Reply(state.euros, state)"
)
BROKEN = OLD.replace("class Money:", "class Money(:")


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """Give the file of a system as it runs."""
    file = tmp_path / "old" / "till.py"
    file.parent.mkdir()
    file.write_text(OLD)
    return file


class Case(NamedTuple):
    """An edit, and what is said of it."""

    new: str
    code: int
    said: str


CASES = {
    "body": Case(SAFE, 0, r"till\.py:19: body: Till\.handle_call"),
    "shape": Case(SHAPE, 0, r"till\.py:\d+: shape: Money field currency added, default 'EUR'"),
    "no default": Case(NO_DEFAULT, 1, r"refused: state: till\.Till: till\.Money needs currency, which has no default"),
    "dangerous": Case(DANGEROUS, 1, r"till\.py:22:9: refused: system: "),
    "broken": Case(BROKEN, 1, r"till\.py:11:13: refused: CompilationFailed: invalid syntax$"),
    "the same": Case(OLD, 0, r"till: this edit can be taken over live"),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_each_thing_to_say_is_a_line_with_its_place(otpy: Shell, old: Path, tmp_path: Path, case: Case) -> None:
    """Editors and CI read `file:line:column`, and the exit code."""
    file = tmp_path / "till.py"
    file.write_text(case.new)
    found = otpy("check", str(file), "--against", str(old))
    assert (found.code, found.err) == (case.code, "")
    assert re.search(case.said, found.out, re.MULTILINE), found.out
    as_json = otpy("check", str(file), "--against", str(old), "--json")
    answer = json.loads(as_json.out)
    assert (as_json.code, answer["safe"], answer["module"]) == (case.code, case.code == 0, "till")
    assert sum(line["severity"] == "refused" for line in answer["lines"]) == case.code


def test_a_node_says_what_it_would_say_to_the_upgrade(otpy: Shell, old: Path, tmp_path: Path) -> None:
    """It has states to try it on, and a policy of its own; nothing is changed."""
    otpy.node(old)
    file = tmp_path / "till.py"
    for name, (new, code, said) in CASES.items():
        file.write_text(new)
        found = otpy("check", file, "--against", "node")
        assert (found.code, found.err) == (code, ""), name
        assert re.search(said, found.out, re.MULTILINE), found.out
    assert otpy.json("history") == []
    unknown = otpy("check", file, "--against", "node", "--module", "tll")
    assert unknown.code == 2
    assert "did you mean 'till'?" in one_line(unknown.err)


@pytest.mark.parametrize("kind", ["GenStatem[str, Money]", "GenEvent[Money]"])
def test_states_of_other_behaviours_count(otpy: Shell, tmp_path: Path, kind: str) -> None:
    """What they declare is converted, as what `GenServer[state]` does."""
    old = tmp_path / "old.py"
    old.write_text(OLD.replace("otpy.GenServer[Money]", f"otpy.{kind}"))
    file = tmp_path / "till.py"
    file.write_text(old.read_text().replace("euros: int", "euros: int\n    currency: str"))
    found = otpy("check", str(file), "--against", str(old))
    assert found.code == 1
    assert "refused: state: till.Till: till.Money needs currency, which has no default" in found.out


@pytest.mark.parametrize("in_a_package", [True, False])
def test_a_removed_name_that_others_import_is_refused_where_they_do(
    otpy: Shell, tmp_path: Path, *, in_a_package: bool
) -> None:
    """As the upgrade would be; who has stopped to import it, or imports it from elsewhere, is not told of."""
    folder = tmp_path / "shop"
    (folder / "inner").mkdir(parents=True)
    if in_a_package:
        (folder / "__init__.py").touch()
        (folder / "inner" / "__init__.py").touch()
    home = "shop.till" if in_a_package else "till"
    (tmp_path / "before.py").write_text("def price():\n    return 1\n\ndef tax():\n    return 2\n")
    edited, user = folder / "till.py", folder / ("inner/user.py" if in_a_package else "user.py")
    edited.write_text("def tax():\n    return 2\n")
    relative = "from ..till import price\n" if in_a_package else f"from {home} import price\n"
    user.write_text(f"import os\n{relative}from elsewhere import price as other\n")
    (folder / "broken.py").write_text("price = (\n")
    found = otpy("check", str(edited), "--against", str(tmp_path / "before.py"))
    assert (found.code, found.out.count("refused: removed")) == (1, 1)
    assert f"{user}:2: refused: removed: " in found.out
    user.write_text("import os\n")
    assert otpy("check", str(edited), "--against", str(tmp_path / "before.py")).code == 0


def git(folder: Path, *args: str) -> None:
    """Run git there, as somebody."""
    who = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *who, *args], cwd=folder, check=True, capture_output=True, timeout=30)  # noqa: S607


def test_without_anything_else_it_is_compared_with_the_last_commit(otpy: Shell, old: Path) -> None:
    """Or with another revision; what was not there is new."""
    folder = old.parent
    git(folder, "init")
    git(folder, "add", "till.py")
    git(folder, "commit", "-m", "one")
    old.write_text(SHAPE)
    git(folder, "commit", "-a", "-m", "two")
    old.write_text(SHAPE.replace("Reply(state.euros, state)", "Reply(0, state)"))

    def lines(*args: str) -> list[str]:
        found: Finished = otpy("check", str(old), *args, "--json")
        assert (found.code, found.err) == (0, "")
        return [line["what"] for line in json.loads(found.out)["lines"]]

    assert lines() == ["body"]
    assert "shape" in lines("--against", "HEAD~1")
    (folder / "new.py").write_text(SAFE)
    assert set(json_of(otpy("check", str(folder / "new.py"), "--json"))) == {"added"}


def json_of(found: Finished) -> list[str]:
    """Return what is said of each definition."""
    return [line["what"] for line in json.loads(found.out)["lines"]]


def test_the_policy_of_the_project_counts(otpy: Shell, old: Path, tmp_path: Path) -> None:
    """That of the nearest pyproject.toml, or the one that is given."""
    file = tmp_path / "till.py"
    file.write_text(DANGEROUS)
    (tmp_path / "pyproject.toml").write_text('[tool.otpy.safety]\noff = ["system"]\n')
    assert otpy("check", str(file), "--against", str(old)).code == 0
    strict = tmp_path / "strict.toml"
    strict.write_text('[tool.otpy.safety]\npreset = "strict"\n')
    assert otpy("check", str(file), "--against", str(old), "--policy", str(strict)).code == 1
    strict.write_text("[tool.otpy.safety]\npreset = 3\n")
    wrong = otpy("check", str(file), "--against", str(old), "--policy", str(strict))
    assert wrong.code == 2
    assert "preset" in one_line(wrong.err)


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["nothing.py"], "cannot read nothing.py"),
        (["FILE", "--against", "no-such-thing"], "is in no git repository"),
        (["FILE", "--against", "node", "--policy", "x.toml"], "a node has its own safety policy"),
        (["FILE", "--against", "OLD", "--policy", "x.toml"], "cannot read x.toml"),
        (["FILE", "--against", "node"], "no node runs"),
    ],
    ids=str,
)
def test_what_cannot_be_compared_is_bad_input(otpy: Shell, old: Path, args: list[str], said: str) -> None:
    """With what to do."""
    names = {"FILE": str(old), "OLD": str(old)}
    refused = otpy("check", *(names.get(arg, arg) for arg in args))
    assert (refused.code, refused.out) == (2, "")
    assert said in one_line(refused.err)


def test_a_module_is_called_by_the_packages_around_it(tmp_path: Path) -> None:
    """As it is imported."""
    package = tmp_path / "shop" / "parts"
    package.mkdir(parents=True)
    for folder in (package, package.parent):
        (folder / "__init__.py").write_text("")
    assert module_name(package / "cart.py") == "shop.parts.cart"
    assert module_name(package / "__init__.py") == "shop.parts"
    assert module_name(tmp_path / "single.py") == "single"

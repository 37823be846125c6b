"""Applications at an upgrade: the class, its spec, the environment and what start has returned go over together."""

from __future__ import annotations

import importlib
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import otpy
from otpy import application, upgrade
from otpy.code.history import histories
from otpy.planning.steps import STEPS
from tests.support import down, eventually, inside
from tests.upgrade.conftest import Make

NAME = "m_application"

V1 = """
from dataclasses import dataclass
import otpy

LOG = []

@dataclass
class Opened:
    port: int

class Till(otpy.GenServer):
    __vsn__ = "1"
    def init(self, arg):
        return otpy.Ok(arg)
    def handle_call(self, request, from_, state):
        return otpy.Reply(("v1", state), state)

class Top(otpy.Supervisor):
    def init(self, arg):
        return otpy.SupFlags(), [Till.child_spec(1, id="till", name="till")]

class Shop(otpy.Application):
    name = "shop"
    vsn = "1"
    env = {"port": 80, "gone": True}
    modules = ("m_application",)

    def start(self, type_, args):
        return Top.start_link(), Opened(80)

    def prep_stop(self, state):
        LOG.append(("v1", state))
        return state

    def config_change(self, changed, new, removed):
        LOG.append(("v1", changed, new, removed))
"""

V2 = (
    V1.replace('vsn = "1"', 'vsn = "2"')
    .replace('"v1"', '"v2"')
    .replace('{"port": 80, "gone": True}', '{"port": 81, "more": [1]}')
    .replace('modules = ("m_application",)', 'modules = ("m_application", "m_more")\n    start_phases = ("warm",)')
    .replace("port: int\n", "port: int\n    host: str = 'here'\n")
    .replace(
        "    def prep_stop", "    def start_phase(self, phase, start_type, args):\n        pass\n\n    def prep_stop"
    )
    .replace('name="till")]', 'name="till"), Till.child_spec(2, id="second", name="second")]')
)


CONVERTS = """    def code_change(self, old_vsn, state, extra=None):
        return otpy.Ok(("converted", application.get_env("shop", "port")))

    def handle_call"""


def log_of() -> Any:
    """Return what the application has noted."""
    return sys.modules[NAME].LOG


# case: release_handler_SUITE: eval_appup
@pytest.mark.parametrize("strategy", ["atomic", "rolling", "canary"])
@inside
def test_an_upgrade_brings_the_spec_and_tells_what_changed_and_rollback_takes_it_back(
    module: Make, strategy: Any
) -> None:
    """Version, modules, phases, environment; the tree as always; and the state goes over as any other does."""
    application.start(module(NAME, V1).Shop)
    master = otpy.whereis("till").ancestors[1]  # type: ignore[union-attr]
    watch = upgrade.WatchPolicy(window=0.01) if strategy == "canary" else None
    report = upgrade.reload_module(NAME, V2, strategy=strategy, watch=watch)
    assert report.warnings == ()
    assert [each.vsn for each in application.which_applications()] == ["2"]
    spec = application.get_all_key("shop")
    assert (spec.modules, spec.start_phases) == ((NAME, "m_more"), (("warm", None),))
    assert application.get_all_env("shop") == {"port": 81, "more": [1]}
    assert log_of() == [("v2", {"port": 81}, {"more": [1]}, ("gone",))]
    assert otpy.call("second", "?") == ("v2", 2)
    assert repr(otpy.sys.get_state(master).state) == "Opened(port=80, host='here')"

    upgrade.rollback()
    assert application.get_key("shop", "vsn") == "1"
    assert application.get_all_env("shop") == {"port": 80, "gone": True}
    assert log_of()[1:] == [("v1", {"port": 80}, {"gone": True}, ("more",))]
    assert otpy.whereis("second") is None
    application.stop("shop")
    assert [repr(each) for each in log_of()[2:]] == ["('v1', Opened(port=80))"]


@pytest.mark.parametrize("step", [step for step in STEPS if step not in {"resume", "ahead"}])
@inside
def test_an_upgrade_that_fails_changes_no_spec(module: Make, step: str) -> None:
    """Wherever it fails; and nobody is told anything."""
    application.start(module(NAME, V1).Shop)
    try:
        upgrade.reload_module(NAME, V2, force_rollback_at=step)
    except otpy.UpgradeError:
        pass
    else:
        pytest.fail("it went through")
    assert application.get_key("shop", "vsn") == "1"
    assert application.get_all_env("shop") == {"port": 80, "gone": True}
    assert log_of() == []
    upgrade.reload_module(NAME, V2)
    assert application.get_key("shop", "vsn") == "2"


BAD = {
    "a spec": V2.replace('"more": [1]', "1: 2"),
    "phases that nobody does": V1.replace("args):\n        return Top", "args):\n        return Top").replace(
        'vsn = "1"\n    env', 'vsn = "1"\n    start_phases = ("warm",)\n    env'
    ),
    "an async def": V1.replace("def prep_stop", "async def prep_stop"),
}


@pytest.mark.parametrize("what", BAD)
@inside
def test_a_class_that_could_not_run_refuses_the_upgrade(module: Make, what: str) -> None:
    """It is found when the new class is made, while all still runs."""
    application.start(module(NAME, V1).Shop)
    with pytest.raises(otpy.LoadFailed):
        upgrade.reload_module(NAME, BAD[what])
    assert application.get_key("shop", "vsn") == "1"


@inside
def test_only_bodies_of_callbacks(module: Make) -> None:
    """Nobody is paused, and the next call runs the new one."""
    application.start(module(NAME, V1).Shop)
    report = upgrade.reload_module(NAME, V1.replace('("v1", state)', '("body", state)'))
    assert report.affected_processes == ()
    application.stop("shop")
    assert log_of()[-1][0] == "body"


@inside
def test_what_was_set_lasts_where_the_defaults_stay(module: Make) -> None:
    """Else the environment is made anew, as in OTP, but for what was to last."""
    application.start(module(NAME, V1).Shop)
    application.set_env("shop", "port", 1)
    application.set_env("shop", "kept", 1, persistent=True)
    upgrade.reload_module(NAME, V1.replace('vsn = "1"', 'vsn = "1.1"'))
    assert application.get_env("shop", "port") == 1
    assert log_of() == []
    upgrade.reload_module(NAME, V2)
    assert application.get_all_env("shop") == {"port": 81, "more": [1], "kept": 1}
    assert log_of() == [("v2", {"port": 81}, {"more": [1]}, ("gone",))]


@inside
def test_values_of_the_environment_are_of_the_new_classes(module: Make) -> None:
    """They are in the state of the controller, which is converted as any other is."""
    loaded = module(NAME, V1)
    application.start(loaded.Shop)
    application.set_env("shop", "opened", loaded.Opened(5))
    slotted = "port: int\n    __slots__ = ('port',)\n    def more(self): return 1"
    upgrade.reload_module(NAME, V1.replace("port: int", slotted))
    assert type(application.get_env("shop", "opened")) is sys.modules[NAME].Opened
    assert application.get_env("shop", "opened").port == 5
    assert [each.name for each in application.which_applications()] == ["shop"]


@inside
def test_a_config_change_that_raises_is_a_warning(module: Make) -> None:
    """The upgrade stands: others may have read the new environment already."""
    application.start(module(NAME, V1).Shop)
    bad = V2.replace('LOG.append(("v2", changed, new, removed))', 'raise ValueError("I will not")')
    report = upgrade.reload_module(NAME, bad)
    assert report.status == "completed"
    assert [each for each in report.warnings if "config_change" in each] == [
        "config_change of application shop failed: ValueError('I will not')"
    ]


@inside
def test_a_new_dependency_that_is_not_started_and_a_new_name_are_warnings(module: Make) -> None:
    """They take effect at the next start."""
    application.start(module(NAME, V1).Shop)
    new = V1.replace('name = "shop"', 'name = "store"\n    applications = ("db",)')
    report = upgrade.reload_module(NAME, new)
    assert report.warnings == (
        "application shop needs db, which is not started: otpy.application.start('db')",
        "application shop is called 'store' by its class now; it keeps its name until it is loaded anew",
    )
    assert [each.name for each in application.which_applications()] == ["shop"]


@inside
def test_an_application_that_starts_while_it_is_upgraded(module: Make) -> None:
    """Its master waits with the others, or begins as whichever class stays."""
    loaded = module(NAME, V1.replace("return Top.start_link(), Opened(80)", "return _slow()") + SLOW)
    go_on, begun = threading.Event(), threading.Event()
    vars(loaded).update(GO_ON=go_on, BEGUN=begun)
    starting = otpy.spawn_monitor(application.start, loaded.Shop)[1]
    eventually(begun.is_set)
    new = V2.replace("return Top.start_link(), Opened(80)", "return _slow()") + SLOW
    upgrading = otpy.spawn_monitor(upgrade.reload_module, NAME, new)[1]
    go_on.set()
    for ref in (starting, upgrading):
        assert down(ref) == otpy.Normal()
    assert application.get_key("shop", "vsn") == "2"
    application.stop("shop")
    assert log_of()[-1][0] == "v2"
    assert repr(log_of()[-1][1]) == "Opened(port=80, host='here')"


SLOW = """
GO_ON = BEGUN = None

def _slow():
    BEGUN.set()
    otpy.blocking(GO_ON.wait, 20)
    return Top.start_link(), Opened(80)
"""


# -- releases --------------------------------------------------------------------------------------

PROJECT = """
[project]
version = "{vsn}"
[tool.otpy.application.m_release_shop]
mod = "m_release_app:Shop"
[tool.otpy.application.m_release_shop.env]
port = {port}
"""


@pytest.fixture
def releases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Write two releases of an application whose pyproject.toml has its version and environment; be in the first."""
    for vsn, port in (("1", 80), ("2", 81)):
        folder = tmp_path / vsn
        folder.mkdir()
        app = V1.replace('vsn = "1"\n    env = {"port": 80, "gone": True}', "env = {}").replace('name = "shop"', "")
        (folder / "m_release_app.py").write_text(app.replace('"v1"', f'"v{vsn}"'))
        (folder / "pyproject.toml").write_text(PROJECT.format(vsn=vsn, port=port))
    monkeypatch.syspath_prepend(tmp_path / "1")
    monkeypatch.chdir(tmp_path / "1")
    yield tmp_path
    sys.modules.pop("m_release_app", None)
    histories.forget("m_release_app")


# case: release_handler_SUITE: eval_appup
@inside
def test_a_release_brings_its_pyproject_and_going_back_that_of_before(releases: Path) -> None:
    """Version and environment are those of the release whose sources run."""
    application.start("m_release_shop")
    seen: list[Any] = []

    def note() -> None:
        seen.append((application.get_key("m_release_shop", "vsn"), application.get_env("m_release_shop", "port")))

    note()
    upgrade.release(releases / "2")
    note()
    upgrade.rollback()
    note()
    log = importlib.import_module("m_release_app").LOG
    assert seen == [("1", 80), ("2", 81), ("1", 80)]
    assert log == [("v2", {"port": 81}, {}, ()), ("v1", {"port": 80}, {}, ())]


@inside
def test_a_pyproject_that_cannot_be_read_refuses_the_upgrade(releases: Path) -> None:
    """As sources that cannot be read do; and the next one that is good is taken."""
    application.start("m_release_shop")
    file = releases / "2" / "pyproject.toml"
    good = file.read_text()
    file.write_text("[tool.otpy")
    with pytest.raises(otpy.IncompatibleUpgrade, match=r"application m_release_shop: .*pyproject\.toml is no TOML"):
        upgrade.release(releases / "2")
    assert application.get_key("m_release_shop", "vsn") == "1"
    assert importlib.import_module("m_release_app").LOG == []
    file.write_text(good)
    upgrade.release(releases / "2")
    assert application.get_key("m_release_shop", "vsn") == "2"


READS = (
    V2.replace("[Till.child_spec(1", "[Till.child_spec(application.get_env('shop', 'more')[0]")
    .replace("import otpy\n", "import otpy\nfrom otpy import application\n", 1)
    .replace("Till.child_spec(2,", "Reads.child_spec(2,")
    .replace(
        "class Top(",
        """class Reads(Till):
    def init(self, arg):
        return otpy.Ok(application.get_env("shop", "port"))

class Top(""",
    )
    .replace('__vsn__ = "1"', '__vsn__ = "2"')
    .replace("    def handle_call", CONVERTS, 1)
)


@inside
def test_going_back_reads_no_file(releases: Path) -> None:
    """It is for when something is wrong, such as that file."""
    application.start("m_release_shop")
    upgrade.release(releases / "2")
    for vsn in ("1", "2"):
        (releases / vsn / "pyproject.toml").write_text("[tool.otpy")
    upgrade.rollback()
    assert application.get_key("m_release_shop", "vsn") == "1"
    assert application.get_all_env("m_release_shop") == {"port": 80}


@pytest.mark.parametrize("step", [None, "children"])
@inside
def test_conversions_and_added_children_see_the_new_environment(module: Make, step: Any) -> None:
    """They are of the new version, and may need what it brings. If it is taken back, so is the environment."""
    application.start(module(NAME, V1).Shop)
    if step is None:
        upgrade.reload_module(NAME, READS)
        assert [otpy.call(name, "?")[1] for name in ("till", "second")] == [("converted", 81), 81]
        return
    with pytest.raises(otpy.UpgradeError):
        upgrade.reload_module(NAME, READS, force_rollback_at=step)
    assert application.get_all_env("shop") == {"port": 80, "gone": True}
    assert otpy.call("till", "?") == ("v1", 1)

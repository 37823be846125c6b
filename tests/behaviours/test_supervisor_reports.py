"""What a supervisor tells the operators: one line a fact, no crash told twice, nothing prepared that nobody hears."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from otpy.behaviours import supervisor
from otpy.behaviours.child_spec import ChildSpec, SupFlags
from otpy.behaviours.results import Stop
from otpy.behaviours.supervisor_reports import SupervisorReport
from otpy.errors import InitStopped
from otpy.kernel import events
from otpy.kernel.pid import Pid
from otpy.kernel.primitives import sleep, trap_exit
from otpy.kernel.reasons import Crash, Killed, Normal
from tests.behaviours.supervisor_kit import Plan, end, exit_reason, inside, kill, pids, plans


def told(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str, Any]]:
    """Return level, context and child of what was logged."""
    reports = [(record.levelname, getattr(record, "otpy_report", None)) for record in caplog.records]
    return [(level, report.context, report.id) for level, report in reports if isinstance(report, SupervisorReport)]


@inside
def test_a_crash_is_told_as_an_error_once(caplog: pytest.LogCaptureFixture) -> None:
    """By the process. For its supervisor it is an info; a kill, which nobody else tells of, a warning."""
    caplog.set_level(logging.INFO)
    sup = supervisor.start_link([plan.spec() for plan in plans("a")], flags=SupFlags(intensity=9))
    end(pids(sup)["a"], ValueError("boom"))
    kill(pids(sup)["a"])
    end(pids(sup)["a"], Normal())
    pids(sup)
    assert told(caplog) == [
        ("INFO", "child_terminated", "a"),
        ("WARNING", "child_terminated", "a"),
        ("INFO", "child_terminated", "a"),
    ]
    assert [record.name for record in caplog.records if record.levelname == "ERROR"] == ["otpy.process"]
    assert all("\n" not in record.getMessage() for record in caplog.records if record.name == "otpy.supervisor")


@inside
def test_the_orderly_end_of_a_transient_child_is_no_news(caplog: pytest.LogCaptureFixture) -> None:
    """That is what it was started for."""
    caplog.set_level(logging.INFO)
    sup = supervisor.start_link([plan.spec(restart="transient") for plan in plans("a")])
    end(pids(sup)["a"], Normal())
    pids(sup)
    assert told(caplog) == []


@inside
def test_why_a_supervisor_gave_up(caplog: pytest.LogCaptureFixture) -> None:
    """With the child that was one restart too many."""
    trap_exit(True)
    sup = supervisor.start_link([plan.spec() for plan in plans("ab")], flags=SupFlags(intensity=0))
    kill(pids(sup)["b"])
    exit_reason(sup)
    assert told(caplog) == [("WARNING", "child_terminated", "b"), ("ERROR", "shutdown", "b")]


@inside
def test_starts_that_fail(caplog: pytest.LogCaptureFixture) -> None:
    """When the supervisor starts and when it restarts; a start that was asked for is told to who asked."""
    with pytest.raises(InitStopped):
        supervisor.start_link([Plan("a", starts=[Stop("no")]).spec()])
    (plan,) = plans("b")
    sup = supervisor.start_link([plan.spec()], flags=SupFlags(intensity=9))
    plan.starts = [Stop("no")]
    kill(pids(sup)["b"])
    while pids(sup)["b"] == "restarting":
        pass
    assert ("ERROR", "start_error", "a") in told(caplog)
    assert ("ERROR", "start_error", "b") in told(caplog)


@inside
def test_a_child_that_does_not_end_as_told(caplog: pytest.LogCaptureFixture) -> None:
    """It had to be killed."""
    sup = supervisor.start_link([plan.spec(shutdown=1.0) for plan in plans("a", ending=lambda: sleep(9))])
    supervisor.terminate_child(sup, "a")
    assert told(caplog) == [("WARNING", "shutdown_error", "a")]


@inside
def test_hooks_hear_the_reports_and_the_progress() -> None:
    """Whatever the level of the log."""
    logger = logging.getLogger("otpy.supervisor")
    heard: list[Any] = []

    def on_report(report: SupervisorReport) -> None:
        heard.append(report)

    def on_progress(supervisor: Pid, child: Pid, spec: ChildSpec) -> None:
        heard.append((supervisor, child, spec.id))

    detach = [events.attach("supervisor.report", on_report), events.attach("supervisor.progress", on_progress)]
    logger.disabled = True
    try:
        sup = supervisor.start_link([plan.spec() for plan in plans("a")], flags=SupFlags(intensity=9))
        first = pids(sup)["a"]
        kill(first)
        second = pids(sup)["a"]
    finally:
        logger.disabled = False
        for undo in detach:
            undo()
    report = heard.pop(1)
    assert heard == [(sup, first, "a"), (sup, second, "a")]
    assert (report.supervisor, report.context, report.reason, report.child) == (
        sup,
        "child_terminated",
        Killed(),
        first,
    )
    assert isinstance(report.spec, ChildSpec)


@inside
def test_progress_is_told_to_who_wants_to_know_everything(caplog: pytest.LogCaptureFixture) -> None:
    """At the level DEBUG."""
    caplog.set_level(logging.DEBUG, "otpy.supervisor")
    supervisor.start_link([plan.spec() for plan in plans("a")])
    lines = [record.getMessage() for record in caplog.records if record.levelname == "DEBUG"]
    assert ["started its permanent child 'a'" in line for line in lines] == [True]


@inside
def test_a_reason_with_an_error_is_shown_in_the_line(caplog: pytest.LogCaptureFixture) -> None:
    """Whoever greps for the error finds the supervisor too."""
    caplog.set_level(logging.INFO)
    sup = supervisor.start_link([plan.spec() for plan in plans("a")], flags=SupFlags(intensity=9))
    error = ValueError("boom")
    end(pids(sup)["a"], error)
    pids(sup)
    (line,) = [record.getMessage() for record in caplog.records if record.name == "otpy.supervisor"]
    assert repr(Crash(error)) in line

"""Options and values of the runtime that cannot be."""

from __future__ import annotations

import otpy
from otpy import safety


def wrong_runtimes() -> None:
    """Options that are none."""
    otpy.runtime(slow_callback_duration="0.1")  # error: seconds
    otpy.runtime(debug="yes")  # error: True or False
    otpy.runtime(reload_all=1)  # error: no such option
    otpy.run(7)  # error: a function


def wrong_processes(pid: otpy.Pid) -> None:
    """Arguments and results of the daily verbs."""
    otpy.spawn(7)  # error: a function
    otpy.monitor(7)  # error: a process
    otpy.link("name")  # error: a pid
    otpy.exit("name", otpy.Kill())  # error: a pid
    otpy.trap_exit("yes")  # error: True or False
    otpy.receive(7)  # error: a function
    otpy.receive(timeout="5")  # error: seconds
    otpy.send_after(pid, "message", "soon")  # error: seconds
    otpy.cancel_timer(pid)  # error: a timer
    name: str = otpy.whereis("name")  # error: a pid, or None
    alive: str = otpy.is_alive(pid)  # error: a bool
    otpy.process_info(pid).status  # error: None for the dead
    del name, alive


def wrong_values() -> None:
    """Tables, registries and policies that cannot be."""
    otpy.Table(kind="heap")  # error: set, ordered_set or bag
    otpy.Table(access="secret")  # error: public, protected or private
    otpy.Registry(keys="many")  # error: unique or duplicate
    safety.Policy(max_pause_s="1")  # error: seconds
    safety.Policy(max_risk="huge")  # error: a level of risk
    safety.Policy(refused=("blocking",))  # error: no such limit

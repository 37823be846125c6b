"""Labels of processes."""

from __future__ import annotations

from typing import Any

import pytest

import otpy
from tests.support import idle_process, inside, reason_of


@inside
def test_a_label_is_shown_wherever_a_process_is() -> None:
    """In its repr and its info, from outside too."""
    asker = otpy.self_pid()

    def labelled() -> None:
        otpy.set_label("import of 2024")
        otpy.send(asker, "ready")
        otpy.receive()

    pid = otpy.spawn(labelled)
    assert otpy.receive(timeout=20.0) == "ready"
    info = otpy.process_info(pid)
    assert info is not None
    assert info.label == "import of 2024"
    assert repr(pid) == f"Pid<{pid.id} import of 2024>"
    otpy.send(pid, "end")


class Labelled(otpy.GenServer[None]):
    """Labels itself in init."""

    def init(self, arg: str) -> otpy.Ok[None]:
        """Take the label."""
        otpy.set_label(arg)
        return otpy.Ok(None)


@inside
def test_a_server_labels_itself_in_init_and_the_tree_shows_it() -> None:
    """So that a hundred servers of one class can be told apart."""
    pid = Labelled.start("customer 17")
    assert "customer 17" in str(otpy.tree())
    assert "customer 17" in repr(pid)


@inside
def test_the_registered_name_goes_first() -> None:
    """It is what others write in their code; the label comes back with the name's end."""
    otpy.set_label("label")
    otpy.register("name", otpy.self_pid())
    assert repr(otpy.self_pid()).endswith(" name>")
    otpy.unregister("name")
    assert repr(otpy.self_pid()).endswith(" label>")


@inside
def test_a_label_is_of_the_running_process_only() -> None:
    """Nobody labels others."""
    other = idle_process()
    before = repr(other)
    otpy.set_label("mine")
    assert repr(other) == before


@inside
def test_the_dead_keep_their_label() -> None:
    """A report that comes late still says who it was."""
    pid = otpy.spawn(otpy.set_label, "short life")
    reason_of(pid)
    assert "short life" in repr(pid)


@pytest.mark.parametrize("label", ["", None, 42, b"bytes"])
@inside
def test_labels_are_strings(label: Any) -> None:
    """The error says so."""
    with pytest.raises(TypeError, match="non-empty str"):
        otpy.set_label(label)

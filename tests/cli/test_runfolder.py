"""The run folder: for its owner alone, and one node to a name."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from otpy.cli.client import find_node, running_nodes
from otpy.cli.exits import BadInput, Failed
from otpy.cli.runfolder import check_folder, claimed, default_folder, prepare_folder, socket_path


def test_it_is_made_for_the_owner_alone(tmp_path: Path) -> None:
    """Whatever the umask says."""
    before = os.umask(0)
    try:
        folder = prepare_folder(tmp_path / "a" / "otpy")
    finally:
        os.umask(before)
    assert folder.stat().st_mode & 0o777 == 0o700


def test_one_that_others_may_enter_is_refused(tmp_path: Path) -> None:
    """Somebody could have put a socket there."""
    tmp_path.chmod(0o750)
    with pytest.raises(BadInput, match="open to others"):
        check_folder(tmp_path)


def test_a_symbolic_link_is_refused(tmp_path: Path) -> None:
    """It could point at anybody's folder."""
    (tmp_path / "real").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with pytest.raises(BadInput, match="symbolic link"):
        prepare_folder(tmp_path / "link")


def test_one_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the folder for temporary files anybody can make one first."""
    tmp_path.chmod(0o700)
    mine = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: mine + 1)
    with pytest.raises(BadInput, match=f"belongs to user {mine}"):
        check_folder(tmp_path)


def test_a_file_in_its_place_is_refused(tmp_path: Path) -> None:
    """With the way out: another folder."""
    (tmp_path / "otpy").write_text("")
    with pytest.raises(BadInput, match="--run-dir"):
        prepare_folder(tmp_path / "otpy")


def test_it_is_in_the_runtime_folder_of_the_session_if_there_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else among the temporary files, with the user's id."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    assert default_folder() == tmp_path / "otpy"
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "missing"))
    assert default_folder().name == f"otpy-{os.geteuid()}"


@pytest.mark.parametrize("name", ["", ".hidden", "a/b", "../x", "a b", "x" * 65, "é"])
def test_a_name_that_is_no_plain_file_name_is_refused(tmp_path: Path, name: str) -> None:
    """A node's name becomes a path."""
    with pytest.raises(BadInput, match="cannot be the name"):
        socket_path(tmp_path, name)


def test_a_path_too_long_for_a_socket_is_refused_with_the_way_out(tmp_path: Path) -> None:
    """The system's own error would not say why."""
    with pytest.raises(BadInput, match="too long for a socket"):
        socket_path(tmp_path / ("x" * 100), "node")


def test_a_name_is_claimed_once(tmp_path: Path) -> None:
    """The second is told who has it; a name that was given back is free."""
    with (
        claimed(tmp_path, "n"),
        pytest.raises(Failed, match=f"already runs .process {os.getpid()}"),
        claimed(tmp_path, "n"),
    ):
        pytest.fail("both have it")
    with claimed(tmp_path, "n"):
        pass


def test_names_are_claimed_apart(tmp_path: Path) -> None:
    """Two nodes, two names."""
    with claimed(tmp_path, "a") as a, claimed(tmp_path, "b") as b:
        assert a != b


def test_the_socket_of_a_killed_process_is_taken_over(tmp_path: Path) -> None:
    """`kill -9` leaves a socket and a lock file, but no lock."""
    script = (
        "import os, signal, socket, sys; from pathlib import Path; from otpy.cli.runfolder import claimed\n"
        "with claimed(Path(sys.argv[1]), 'n') as path:\n"
        "    socket.socket(socket.AF_UNIX).bind(str(path)); os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False, timeout=60)
    assert done.returncode == -9
    assert (tmp_path / "n.sock").exists()
    assert running_nodes(tmp_path) == []
    with claimed(tmp_path, "n") as path, socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        assert running_nodes(tmp_path) == ["n"]
    assert not path.exists()


def test_a_node_is_found_by_name_or_by_being_the_only_one(tmp_path: Path) -> None:
    """No node, an unknown one and a choice of several each get an answer that says what to do."""
    folder = prepare_folder(tmp_path / "otpy")
    with pytest.raises(BadInput, match="otpy run"):
        find_node(None, folder)
    with socket.socket(socket.AF_UNIX) as a, socket.socket(socket.AF_UNIX) as b:
        a.bind(str(folder / "a.sock"))
        a.listen()
        assert find_node(None, folder) == folder / "a.sock"
        with pytest.raises(BadInput, match="running: a"):
            find_node("b", folder)
        b.bind(str(folder / "b.sock"))
        b.listen()
        with pytest.raises(BadInput, match="--node: a, b"):
            find_node(None, folder)
        assert find_node("b", folder) == folder / "b.sock"


def test_a_client_too_refuses_a_folder_that_others_may_enter(tmp_path: Path) -> None:
    """A command hands sources to whoever listens there."""
    tmp_path.chmod(0o777)
    with pytest.raises(BadInput, match="open to others"):
        find_node("n", tmp_path)

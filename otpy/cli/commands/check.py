"""`otpy check`: is this edit safe? For editors and CI."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import msgspec
from cyclopts import Parameter
from rich.text import Text

from otpy.cli.client import ask_node
from otpy.cli.exits import FAILED, OK, BadInput
from otpy.cli.importers import module_name, neighbours
from otpy.cli.options import ANY_NODE, AS_TEXT, Output, Where
from otpy.cli.plain import plain
from otpy.cli.sandboxes import read_source
from otpy.cli.show import console, say_json

if TYPE_CHECKING:
    from otpy.cli.checking import Checked
    from otpy.safety import Policy

File = Annotated[Path, Parameter(help="File with the new source of a module.")]
Against = Annotated[
    str, Parameter(help="What it is compared with: a file, a revision in git, or `node` for what a node runs.")
]
PolicyFile = Annotated[
    Path | None,
    Parameter(
        name="--policy",
        help="TOML file whose table [tool.otpy.safety] has the safety policy. [default: pyproject.toml above FILE]",
        show_default=False,
    ),
]
Module = Annotated[
    str | None, Parameter(help="Name of the module. [default: by its place in its packages]", show_default=False)
]

NODE: Final = "node"
HEAD: Final = "HEAD"
_GIT_SECONDS: Final = 30.0
_STYLES: Final = {"refused": "bold red", "warning": "yellow", "info": ""}


def check(
    file: File,
    /,
    *,
    against: Against = HEAD,
    policy: PolicyFile = None,
    module: Module = None,
    where: Where = ANY_NODE,
    output: Output = AS_TEXT,
) -> int:
    """Compare the texts, and print one line for each thing to say; the exit code tells whether it is safe."""
    new, name = read_source(file), module or module_name(file)
    if against == NODE:
        if policy is not None:
            raise BadInput("a node has its own safety policy; leave --policy out, or compare with a file")
        found = _in_node(where, name, new, file)
    else:
        found = _of_texts(name, _before(file, against), new, file, _policy(file, policy))
    if output.json:
        say_json(plain(found))
    else:
        _print(found)
    return OK if found.safe else FAILED


def _print(found: Checked) -> None:
    out = console()
    for line in found.lines:
        out.print(Text(str(line), style=_STYLES[line.severity]), soft_wrap=True)
    refused = sum(line.severity == "refused" for line in found.lines)
    out.print(f"{found.module}: " + ("this edit can be taken over live" if found.safe else f"{refused} refused"))


def _in_node(where: Where, name: str, new: str, file: Path) -> Checked:
    from otpy.cli.checking import Checked  # noqa: PLC0415 - with the engine, which a command seldom needs

    args = {"module": name, "source": new, "file": str(file)}
    return msgspec.convert(ask_node(where.node, where.run_dir, "check", args), Checked)


def _of_texts(name: str, old: str | None, new: str, file: Path, policy: Policy) -> Checked:
    from otpy.cli.checking import check_texts  # noqa: PLC0415

    return check_texts(name, old, new, file=str(file), policy=policy, others=neighbours(file))


def _policy(file: Path, given: Path | None) -> Policy:
    """Return the policy of the file that is given, or of the nearest pyproject.toml; the default, if there is none."""
    from otpy.safety import Policy, read_policy  # noqa: PLC0415

    above = (folder / "pyproject.toml" for folder in file.resolve().parents)
    place = given or next((path for path in above if path.is_file()), None)
    try:
        return Policy() if place is None else read_policy(place)
    except OSError as error:
        raise BadInput(f"cannot read {place}: {error.strerror}") from error
    except ValueError as error:
        raise BadInput(str(error)) from error


def _before(file: Path, against: str) -> str | None:
    """Return the text before: of a file, or of a revision; None if the revision does not have the file."""
    if Path(against).is_file():
        return read_source(Path(against))
    path = file.resolve()
    if _git(path.parent, "rev-parse", "--verify", "--quiet", f"{against}^{{commit}}") is None:
        if _git(path.parent, "rev-parse", "--git-dir") is None:
            missing = "" if against == HEAD else f"there is no file {against}, and "
            raise BadInput(
                f"{missing}{file} is in no git repository; say what to compare with: --against FILE, or node"
            )
        raise BadInput(f"--against {against}: there is no such file, and no such revision; `node` asks a node")
    return _git(path.parent, "show", f"{against}:./{path.name}")


def _git(folder: Path, *args: str) -> str | None:
    """Return what git prints; None if it fails."""
    try:
        done = subprocess.run(  # noqa: S603 - no shell: what a user gives is an argument
            ["git", "-C", str(folder), *args],  # noqa: S607 - the user's own git
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=_GIT_SECONDS,
            check=False,
        )
    except FileNotFoundError:
        raise BadInput("git is not installed; say what to compare with: --against FILE, or node") from None
    except (subprocess.TimeoutExpired, UnicodeDecodeError) as error:
        raise BadInput(f"git {args[0]}: {error}") from error
    return done.stdout if done.returncode == 0 else None

"""What a command was given to upgrade to: a module's file, a version of an example, or the folder of a release."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, TypeAlias

from cyclopts import Parameter

from otpy.cli.exits import BadInput
from otpy.cli.sandboxes import open_sandbox, read_source

Target: TypeAlias = Annotated[
    str | None, Parameter(help="Name of the module; or a sandbox folder, together with --to.", show_default=False)
]
File: TypeAlias = Annotated[Path | None, Parameter(help="File with the module's new source.", show_default=False)]
To: TypeAlias = Annotated[str | None, Parameter(help="Version of the sandbox to upgrade to.", show_default=False)]
Release: TypeAlias = Annotated[
    Path | None,
    Parameter(
        help="Folder with all packages and modules of a release, as an import path has them.", show_default=False
    ),
]

_ACCEPTED = "give a MODULE and a FILE, or a SANDBOX folder and --to VERSION, or --release FOLDER"


def what(
    target: str | None, file: Path | None, to: str | None, release: Path | None, *, more: str = ""
) -> dict[str, Any]:
    """Return what a node is asked to become; files are read here. Raises BadInput; *more* is what is accepted, too."""
    match target, file, to, release:
        case str(), Path(), None, None:
            return {"sources": {target: read_source(file)}, "files": {target: str(file)}}
        case str(), None, str(), None:
            files = open_sandbox(target).files(to)
            sources = {module: read_source(file) for module, file in files.items()}
            return {"sources": sources, "files": {module: str(file) for module, file in files.items()}}
        case None, None, None, Path():
            if not release.is_dir():
                raise BadInput(f"{release} is no folder; --release takes one that is laid out as an import path is")
            return {"release": str(release.resolve())}
        case _:
            raise BadInput(_ACCEPTED + more)

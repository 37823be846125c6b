"""`otpy demo`: the main job, on the example systems."""

from __future__ import annotations

from typing import Annotated, Any, Final

from cyclopts import Parameter

from otpy.cli.demo import Chapter, play
from otpy.cli.exits import FAILED, OK
from otpy.cli.options import AS_TEXT, Output
from otpy.cli.plain import fields
from otpy.cli.sandboxes import open_sandbox
from otpy.cli.show import console, say_json
from otpy.cli.story import print_chapter

_WIDTH: Final = 100

Names = Annotated[str, Parameter(help="Examples, by name or folder. [default: counter shop]")]


def demo(*names: Names, output: Output = AS_TEXT) -> int:
    """Play the demo of each example, and say whether all its checks held."""
    sandboxes = [open_sandbox(name) for name in names or ("counter", "shop")]
    out = console(pipe_width=_WIDTH)
    chapters: list[Any] = []

    def tell(chapter: Chapter) -> None:
        if output.json:
            chapters.append({"chapter": type(chapter).__name__.lower(), **fields(chapter)})
        else:
            print_chapter(out, chapter)
            out.file.flush()  # a reader of a pipe too sees it when it happens

    held = [play(sandbox, tell) for sandbox in sandboxes]
    if output.json:
        say_json(chapters)
    return OK if all(held) else FAILED

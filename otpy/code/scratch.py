"""The module beside the live one in which a new version runs: same name, same identity, a namespace of its own."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, Final

from otpy.code.definitions import ANNOTATION_NAMES, Definition
from otpy.code.version import Version

IDENTITY: Final = (
    "__name__",
    "__file__",
    "__package__",
    "__spec__",
    "__loader__",
    "__path__",
    "__cached__",
    "__builtins__",
)
MACHINERY: Final = frozenset({*IDENTITY, *ANNOTATION_NAMES, "__doc__"})


@dataclass(slots=True)
class Scratch:
    """What came of running a version: its namespace, and what is other than in the live module."""

    module: ModuleType
    live: ModuleType | None
    changed: set[str] = field(default_factory=set)
    """Names that stand for another object now, or are gone."""
    kept: list[str] = field(default_factory=list)
    """Names whose value was kept although what it was made from has changed."""
    views: list[tuple[ModuleType, ModuleType]] = field(default_factory=list)
    """What stood for a live module while the code ran, and that module: whoever has the one is to have the other."""
    ghosts: dict[str, tuple[Any, Any]] = field(default_factory=dict)
    """Functions and classes that were run anew and had a predecessor: live object and new object, by name."""
    patched: list[tuple[Definition, Definition]] = field(default_factory=list)
    """Old and new definitions that were not run: their functions only get other bodies, or other lines."""

    @property
    def namespace(self) -> dict[str, Any]:
        """The names and values."""
        return vars(self.module)


def blank_module(version: Version, live: ModuleType | None) -> ModuleType:
    """A module with the identity of *live*, or with one of its own."""
    module = ModuleType(version.name, version.doc)
    if live is not None:
        for name in IDENTITY:
            if name in vars(live):
                setattr(module, name, getattr(live, name))
        if not is_from_text(live):
            return module
    # It has what a loader needs; its base class would bring half the standard library along.
    loader: Any = SourceLoader(version.source)
    module.__loader__ = loader
    module.__spec__ = ModuleSpec(version.name, loader, origin=version.filename)
    module.__file__ = version.path or version.filename
    if live is None:
        module.__package__ = version.name.rpartition(".")[0]
    return module


def is_from_text(live: ModuleType) -> bool:
    """Whether *live* has no place of its own, so that each version brings its own file name and loader."""
    return isinstance(live.__loader__, SourceLoader) or getattr(live, "__file__", None) is None


class SourceLoader:
    """The loader of modules that were made from text: tools ask it for the source."""

    def __init__(self, source: str) -> None:
        self.source = source

    def get_source(self, fullname: str) -> str:
        """The text that the module was made from."""
        return self.source

    def create_module(self, spec: ModuleSpec) -> None:
        """None: an ordinary module will do."""

    def exec_module(self, module: ModuleType) -> None:
        """Run the text in *module*; for `importlib.reload`."""
        exec(compile(self.source, str(module.__file__), "exec", dont_inherit=True), vars(module))  # noqa: S102

"""Example systems: folders `sandboxes/NAME` with a `sandbox.toml`, one folder of sources per version, and some load.

`sandbox.toml` says what is what; `Description` below is its schema. A version is loaded by plain imports, with its
folder at the head of `sys.path`, so that its modules are what any module of a user is. Later versions are not
imported: their sources are handed to the upgrade.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import tokenize
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import msgspec

from otpy.cli.exits import BadInput
from otpy.code import versions
from otpy.code.history import histories

if TYPE_CHECKING:
    from collections.abc import Generator

    from otpy.kernel.pid import Pid

DESCRIPTION: Final = "sandbox.toml"

Work: TypeAlias = Callable[[str, int], int]
"""`work(client, sent)`: one round of a client that sent so many messages before; returns how many it has sent now."""
Audit: TypeAlias = Callable[[], tuple[dict[str, int], int]]
"""`audit()`: how many messages of each client the system has handled, and how many of all out of order."""


class Load(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where to find the functions that put load on the system, as `file:function`, the file beside the versions."""

    work: str
    audit: str


class Version(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One version: what it is about, a function that shows what is new, and whether its migration means to fail."""

    about: str
    shows: str | None = None
    refuses: bool = False


class Description(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `sandbox.toml` says. *root* is `module:supervisor`; *modules* are in the order of loading."""

    name: str
    description: str
    root: str
    modules: list[str]
    load: Load
    versions: dict[str, Version]


class Sandbox(msgspec.Struct, frozen=True):
    """An example system on disk."""

    folder: Path
    about: Description

    @property
    def name(self) -> str:
        """Return its name."""
        return self.about.name

    def version(self, name: str | None) -> str:
        """Return *name* if there is such a version; None is the first."""
        known = list(self.about.versions)
        if name is None:
            return known[0]
        if name not in known:
            raise BadInput(f"{self.name} has no version {name!r}; choose one of {', '.join(known)}")
        return name

    def files(self, version: str) -> dict[str, Path]:
        """Return the files of *version* by module, in the order of loading. A version need not have all modules."""
        root = self.folder / self.version(version)
        files = {module: source_file(root, module) for module in self.about.modules}
        return {module: file for module, file in files.items() if file is not None}

    def sources(self, version: str) -> dict[str, str]:
        """Return the texts of these files."""
        return {module: read_source(file) for module, file in self.files(version).items()}

    def start(self) -> Pid:
        """Start the root of the version that is loaded."""
        module, _, attribute = self.about.root.partition(":")
        pid: Pid = getattr(sys.modules[module], attribute).start(None)
        return pid

    def function(self, where: str) -> Callable[..., Any]:
        """Return the function that `file:function` names, from a file beside the versions."""
        file, _, name = where.partition(":")
        module = f"{self.name}_{file}"
        if module not in sys.modules:
            spec = importlib.util.spec_from_file_location(module, self.folder / f"{file}.py")
            if spec is None or spec.loader is None:
                raise BadInput(f"{self.folder / DESCRIPTION}: there is no {file}.py for {where!r}")
            sys.modules[module] = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(sys.modules[module])
        function: Callable[..., Any] = getattr(sys.modules[module], name)
        return function


def source_file(root: Path, module: str) -> Path | None:
    """Return the file of *module* below *root*, or None."""
    path = root.joinpath(*module.split("."))
    candidates = (path.with_suffix(".py"), path / "__init__.py")
    return next((file for file in candidates if file.is_file()), None)


def read_source(file: Path) -> str:
    """Return the text of a Python file, in the encoding that it declares."""
    try:
        with tokenize.open(file) as source:
            return source.read()
    except OSError as error:
        raise BadInput(f"cannot read {file}: {error.strerror}") from error
    except (SyntaxError, UnicodeDecodeError) as error:
        raise BadInput(f"{file} is no Python source: {error}") from error


def changed(sources: dict[str, str]) -> dict[str, str]:
    """Return those of *sources* that are not what runs in this interpreter; all of them if none is.

    Whoever leaves a module out of an upgrade leaves its users in peace.
    """
    running = {module: versions(module)[-1:] for module in sources}
    return {
        module: source for module, source in sources.items() if [v.source for v in running[module]] != [source]
    } or sources


def load_version(sandbox: Sandbox, version: str) -> None:
    """Import the modules of *version* into this interpreter."""
    root = sandbox.folder / sandbox.version(version)
    taken = [module for module in sandbox.about.modules if module in sys.modules]
    if taken:
        raise BadInput(f"cannot load {sandbox.name}: a module {taken[0]!r} is loaded already")
    sys.path.insert(0, str(root))
    importlib.invalidate_caches()
    for module in sandbox.sources(version):
        importlib.import_module(module)


def unload(sandbox: Sandbox) -> None:
    """Take all that `load_version` and upgrades have loaded out of the interpreter again."""
    driven = {name for name in sys.modules if name.startswith(f"{sandbox.name}_")}
    for module in (*sandbox.about.modules, *driven):
        sys.modules.pop(module, None)
        histories.forget(module)
    folders = {str(sandbox.folder / version) for version in sandbox.about.versions}
    sys.path[:] = [entry for entry in sys.path if entry not in folders]


@contextmanager
def loaded(sandbox: Sandbox, version: str) -> Generator[None]:
    """Have *version* loaded for the time of a block."""
    load_version(sandbox, version)
    try:
        yield
    finally:
        unload(sandbox)


def open_sandbox(where: str | Path) -> Sandbox:
    """Return the sandbox in a folder, or the one of that name among the examples."""
    folder = Path(where)
    if not (folder / DESCRIPTION).is_file():
        folder = examples_folder() / where
    if not (folder / DESCRIPTION).is_file():
        known = ", ".join(example_names())
        raise BadInput(f"there is no sandbox {str(where)!r}; there are {known}; or give a folder with a {DESCRIPTION}")
    try:
        about = msgspec.toml.decode((folder / DESCRIPTION).read_bytes(), type=Description)
    except msgspec.MsgspecError as error:
        raise BadInput(f"{folder / DESCRIPTION}: {error}") from error
    return Sandbox(folder.resolve(), about)


def example_names() -> list[str]:
    """Return the names of the examples."""
    return sorted(path.parent.name for path in examples_folder().glob(f"*/{DESCRIPTION}"))


def examples_folder() -> Path:
    """Return the folder `sandboxes` of the source checkout, or the one in the current folder."""
    places = (Path(__file__).parents[2] / "sandboxes", Path.cwd() / "sandboxes")
    for place in places:
        if place.is_dir():
            return place
    looked = " and ".join(str(place) for place in places)
    raise BadInput(
        f"no examples found (looked in {looked}); they come with the source: clone the repository and run otpy in it"
    )

"""What lies between two versions of a module: a value, told by definition. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from otpy.code.version import Version


@dataclass(frozen=True, slots=True)
class Changes:
    """Names of definitions, each in exactly one of these, in the order of the new source (removed: of the old)."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    """Their own text differs."""
    affected: tuple[str, ...] = ()
    """Their own text is the same, but something that they use when they are defined differs."""
    documented: tuple[str, ...] = ()
    """Only their docstrings differ."""
    unchanged: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Whether there is anything to do."""
        return bool(self.added or self.removed or self.changed or self.affected or self.documented)

    def __str__(self) -> str:
        """One line for each definition that is not unchanged, `+` added, `-` removed, `~` changed, `>` affected."""
        marks = {"+": self.added, "-": self.removed, "~": self.changed, ">": self.affected, '"': self.documented}
        return "\n".join(f"{mark} {name}" for mark, names in marks.items() for name in names) or "no changes"


def compare(old: Version | None, new: Version) -> Changes:
    """What changes when *new* takes the place of *old* (None: nothing is known of what ran before)."""
    before = {definition.name: definition for definition in (old.definitions if old else ())}
    verdicts: dict[str, list[str]] = {key: [] for key in ("added", "changed", "affected", "documented", "unchanged")}
    for definition in new.definitions:
        was = before.pop(definition.name, None)
        if was is None:
            verdict = "added"
        elif was.own != definition.own:
            verdict = "changed"
        elif was.fingerprint != definition.fingerprint:
            verdict = "affected"
        else:
            verdict = "unchanged" if was.docs == definition.docs else "documented"
        verdicts[verdict].append(definition.name)
    return Changes(removed=tuple(before), **{key: tuple(names) for key, names in verdicts.items()})

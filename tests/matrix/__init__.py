"""The reload matrix: 31 edits of live modules, each with what must hold of objects made before it."""

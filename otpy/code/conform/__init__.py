"""Edit live functions and classes in place: each becomes what a newer definition of it is, and stays the same object.

`conform` takes pairs of a live object and its *ghost*, which is the same definition run anew in a scratch namespace,
and decides how each live object can take over what the ghost has. `Conformed.apply` does it, step by step, under a
journal. What holds a ghost holds the live object afterwards.
"""

from otpy.code.conform.conformed import Conformed, conform, keeps_identity
from otpy.code.conform.notes import Note

__all__ = ["Conformed", "Note", "conform", "keeps_identity"]

"""The order of the keys of an ordered_set, kept from one question to the next.

Each key that comes or goes leaves a `Move` behind the one before. Whoever asks repeats on a copy of the last order what
has moved since; if that is much, all keys are put in order anew. Comparisons of keys run outside every lock.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from typing import Any, TypeAlias, final

MANY = 64
"""With more moves than these, sorting is as quick."""

Order: TypeAlias = tuple["Move", list[Any]]
"""The keys in their order, and the last move that is in it."""


@final
class Move:
    """That *key* has come or gone, after *previous*; without these, that nothing is known of what was before."""

    __slots__ = ("came", "count", "key", "previous")

    def __init__(self, previous: Move | None = None, key: Any = None, *, came: bool = False) -> None:
        self.previous = previous
        self.key = key
        self.came = came
        self.count: int = 0 if previous is None else previous.count + 1

    def forget(self) -> None:
        """Let nobody need what was before: an order has been made of it."""
        self.previous, self.count = None, 0


def after(last: Move, moves: Iterable[tuple[Any, bool]]) -> Move:
    """Return the last of *moves*, each a key and whether it has come."""
    for key, came in moves:
        last = Move(last, key, came=came) if last.count < MANY else Move()
    return last


def repeated(order: Order | None, last: Move) -> list[Any] | None:
    """Return the keys as they stand after *last*; None if they are to be put in order anew.

    What is in the order already, since the keys were read later than the move, is not repeated.
    """
    moves, move = list[Move](), last
    while order is None or move is not order[0]:
        if order is None or move.previous is None:
            return None
        moves.append(move)
        move = move.previous
    keys = order[1].copy()
    try:
        for move in reversed(moves):
            _repeat(keys, move)
    except TypeError:  # keys without an order between them, which may have gone again
        return None
    return keys


def _repeat(keys: list[Any], move: Move) -> None:
    begin = bisect_left(keys, move.key)
    place = next((at for at in range(begin, bisect_right(keys, move.key)) if keys[at] == move.key), None)
    if move.came and place is None:
        keys.insert(begin, move.key)
    elif not move.came and place is not None:
        del keys[place]

"""Recording pg: random scenarios, played by the Erlang/OTP that is installed.

    python -m tests.oracle.groups.record SEED COUNT > FILE

Left out is what otpy does otherwise on purpose: the dead join nothing, and who leaves without having joined is not told
of.
"""

from __future__ import annotations

import random
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from tests.oracle.erlang import record

SOURCE = Path(__file__).parent / "recorder" / "groups.erl"


def main(seed: int, count: int) -> None:
    """Print *count* recordings, made from *seed*."""
    record(SOURCE, seed, [_Maker(f"{seed}-{number}").scenario() for number in range(count)], _term_of)


class _Maker:
    """Makes one random scenario."""

    def __init__(self, seed: str) -> None:
        self._random = random.Random(seed)  # noqa: S311 - nothing is kept secret with it
        self._count = self._random.randint(2, 4)
        self._living = list(range(self._count))
        self._inside: Counter[tuple[str, int]] = Counter()
        self._monitors = 0

    def scenario(self) -> dict[str, Any]:
        return {"members": self._count, "actions": [self._action() for _ in range(self._random.randint(6, 25))]}

    def _action(self) -> list[Any]:
        choose, group = self._random, self._random.choice("ab")
        match choose.randrange(10):
            case 0 | 1 | 2 | 3 if self._living:
                who = choose.choices(self._living, k=choose.choice((1, 1, 2, 3)))
                self._inside.update((group, each) for each in who)
                return ["join", group, who if len(who) > 1 or choose.random() < 0.5 else who[0]]
            case 4 | 5 | 6:
                return self._leave(group)
            case 7 if self._living and choose.random() < 0.4:
                dead = self._living.pop(choose.randrange(len(self._living)))
                for each in "ab":
                    del self._inside[each, dead]
                return ["kill", dead]
            case 8 if self._monitors:
                return ["demonitor", choose.randrange(self._monitors)]
            case _:
                self._monitors += 1
                return choose.choice((["monitor", group], ["monitor", group], ["monitor_scope"]))

    def _leave(self, group: str) -> list[Any]:
        there = [each for (of, each), times in self._inside.items() for _ in range(times) if of == group]
        if not there or self._random.random() < 0.2:
            who = self._random.randrange(self._count)
            self._inside[group, who] -= self._inside[group, who] > 0
            return ["leave", group, who]
        leaving = self._random.sample(there, self._random.randint(1, min(3, len(there))))
        self._inside.subtract((group, each) for each in leaving)
        return ["leave", group, leaving]


def _term_of(scenario: dict[str, Any]) -> str:
    """Return *scenario* as an Erlang term."""
    actions = ",".join(f"{{{','.join(str(part) for part in action)}}}" for action in scenario["actions"])
    return f"{{{scenario['members']},[{actions}]}}"


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))

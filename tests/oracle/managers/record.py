"""Recording gen_event: random scenarios, played by the Erlang/OTP that is installed.

    python -m tests.oracle.managers.record SEED COUNT > FILE

Each is played twice, and kept if both went the same way: on a busy machine an exit signal may come late.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.oracle.managers.scenario import OWNERS

SOURCES = sorted((Path(__file__).parent / "recorder").glob("*.erl"))
HANDLERS: tuple[Any, ...] = ("h1", "h2", ["h1", 1], ["h2", 2])
ENTRIES = {"ok": 50, "hibernate": 8, "remove": 7, "swap": 9, "junk": 6, "error": 6, "crash": 10, "exit": 4}
ACTIONS = {
    "add": 22,
    "add_sup": 16,
    "notify": 12,
    "sync_notify": 12,
    "call": 14,
    "info": 7,
    "delete": 9,
    "swap": 9,
    "swap_sup": 6,
    "exit": 6,
}


def main(seed: int, count: int) -> None:
    """Print *count* recordings, or as many as could be kept, made from *seed*."""
    made = [_Maker(f"{seed}-{number}").scenario() for number in range(count)]
    for number, (scenario, one, other) in enumerate(zip(made, recorded(made), recorded(made), strict=True)):
        if one == other:
            line = {"name": f"random_{seed}_{number}", "scenario": scenario, "trace": one}
            sys.stdout.write(json.dumps(line, separators=(",", ":")) + "\n")


def recorded(scenarios: list[dict[str, Any]]) -> list[Any]:
    """Return what Erlang did, step by step, for each of *scenarios*."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["erlc", "-o", folder, *SOURCES], check=True)  # noqa: S607 - the one that is installed
        file = Path(folder) / "scenarios"
        file.write_text("".join(f"{_term_of(scenario)}.\n" for scenario in scenarios))
        command = ["erl", "-noshell", "-env", "ERL_CRASH_DUMP_BYTES", "0", "-pa", folder]
        command += ["-run", "scripted_events", "main", str(file)]
        printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        return [json.loads(line) for line in printed.splitlines()]


class _Maker:
    """Makes one random scenario."""

    def __init__(self, seed: str) -> None:
        self._random = random.Random(seed)  # noqa: S311 - nothing is kept secret with it
        self._numbers = iter(range(1, sys.maxsize))

    def scenario(self) -> dict[str, Any]:
        script = [self._entry() for _ in range(self._random.randint(0, 30))]
        begin = [self._action(word) for word in self._random.choices(("add", "add_sup"), k=self._random.randint(0, 3))]
        actions = [*begin, *(self._action() for _ in range(self._random.randint(3, 14)))]
        if self._random.random() < 0.4:
            actions.append(["stop", self._random.choice(("normal", "shutdown", "boom"))])
        return {"manager": {"script": script}, "actions": actions}

    def _entry(self) -> list[Any]:
        word = self._random.choices(tuple(ENTRIES), tuple(ENTRIES.values()))[0]
        return [word, next(self._numbers), *([self._handler()] if word == "swap" else [])]

    def _action(self, word: str = "") -> list[Any]:
        word = word or self._random.choices(tuple(ACTIONS), tuple(ACTIONS.values()))[0]
        owner = [self._random.choice(OWNERS)] if word.endswith("_sup") or word == "exit" else []
        match word:
            case "notify" | "sync_notify" | "info":
                return [word, next(self._numbers)]
            case "exit":
                return [word, *owner, self._random.choice(("normal", "boom"))]
            case "swap" | "swap_sup":
                return [word, *owner, *self._handler_and_arg(), *self._handler_and_arg()]
            case _:
                return [word, *owner, *self._handler_and_arg()]

    def _handler(self) -> Any:
        return self._random.choice(HANDLERS)

    def _handler_and_arg(self) -> tuple[Any, int]:
        return self._handler(), next(self._numbers)


def _term_of(scenario: dict[str, Any]) -> str:
    """Return *scenario* as an Erlang term."""
    script, actions = scenario["manager"]["script"], scenario["actions"]
    return f"{{[{','.join(map(_tuple, script))}],[{','.join(map(_tuple, actions))}]}}"


def _tuple(parts: list[Any]) -> str:
    return f"{{{','.join(_tuple(part) if isinstance(part, list) else str(part) for part in parts)}}}"


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))

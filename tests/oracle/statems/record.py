"""Recording gen_statem: random scenarios, played by the Erlang/OTP that is installed.

    python -m tests.oracle.statems.record SEED COUNT > FILE

Each is played twice, and kept if both went the same way: on a busy machine a timer may come between two messages.
"""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.oracle.statems.scenario import SHORT, SLEEP

SOURCE = Path(__file__).parent / "recorder" / "scripted.erl"
KINDS = ("cast", "info", "internal", "same", "timeout", "state_timeout", "x")
TIMES = ("0", "0", "0", "infinity", "long", "cancel", "update", "short", "short")


def main(seed: int, count: int) -> None:
    """Print *count* recordings, or as many as could be kept, made from *seed*."""
    made = [_Maker(f"{seed}-{number}").scenario() for number in range(count)]
    for number, (scenario, one, other) in enumerate(zip(made, recorded(made), recorded(made), strict=True)):
        if one == other:
            line = {"name": f"random_{seed}_{number}", "scenario": scenario, "trace": one}
            sys.stdout.write(json.dumps(line, separators=(",", ":")) + "\n")


def recorded(scenarios: list[dict[str, Any]]) -> list[Any]:
    """Return what Erlang did, step by step, for each of *scenarios*."""
    folder = Path(tempfile.mkdtemp())
    try:
        subprocess.run(["erlc", "-o", folder, SOURCE], check=True)  # noqa: S607 - the one that is installed
        file = folder / "scenarios"
        file.write_text("".join(f"{_term_of(scenario)}.\n" for scenario in scenarios))
        command = [
            "erl",
            "-noshell",
            "-env",
            "ERL_CRASH_DUMP_BYTES",
            "0",
            "-pa",
            str(folder),
            "-run",
            "scripted",
            "main",
            str(file),
        ]
        printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        return [json.loads(line) for line in printed.splitlines()]
    finally:
        shutil.rmtree(folder)


class _Maker:
    """Makes one random scenario."""

    def __init__(self, seed: str) -> None:
        self._random = random.Random(seed)  # noqa: S311 - nothing is kept secret with it
        self._numbers = iter(range(1, sys.maxsize))

    def scenario(self) -> dict[str, Any]:
        choose = self._random
        script = [self._result() for _ in range(choose.randint(1, 14))]
        first = [action for action in self._actions() if action[0] not in {"postpone", "reply"} and action[1] != "same"]
        mode = choose.choice(("handle_event_function", "state_functions"))
        machine = {"mode": mode, "state_enter": choose.random() < 0.5}
        machine |= {"first": [choose.choice("abc"), next(self._numbers), first], "script": script}
        return {"machine": machine, "actions": [self._send() for _ in range(choose.randint(1, 6))]}

    def _send(self) -> list[Any]:
        if self._random.random() < 0.15:
            return ["sleep", SLEEP]
        return [self._random.choice(("cast", "info", "call")), next(self._numbers)]

    def _result(self) -> list[Any]:
        kinds = ("next_state", "keep_state", "keep_state_and_data", "repeat_state", "repeat_state_and_data", "stop")
        kind = self._random.choices((*kinds, "stop_and_reply"), (40, 20, 19, 10, 5, 3, 3))[0]
        state = [self._random.choice("abc")] if kind == "next_state" else []
        data = [] if kind.endswith("_and_data") else [next(self._numbers)]
        if kind.startswith("stop"):
            value = [next(self._numbers)] if kind == "stop_and_reply" else []
            return [kind, self._random.choice(("normal", "shutdown", "boom")), *value, *data]
        return [kind, *state, *data, self._actions()]

    def _actions(self) -> list[list[Any]]:
        return [self._action() for _ in range(self._random.choice((0, 0, 1, 1, 2, 3)))]

    def _action(self) -> list[Any]:
        kind = self._random.choices(("timeout", "reply", "next_event", "postpone"), (45, 15, 20, 20))[0]
        match kind:
            case "timeout":
                which, time = self._random.choice(tuple(SHORT)), self._random.choice(TIMES)
                return [kind, which, time, next(self._numbers)]
            case "reply":
                return [kind, next(self._numbers)]
            case "next_event":
                return [kind, self._random.choice(KINDS), next(self._numbers)]
            case _:
                return [kind]


def _term_of(scenario: dict[str, Any]) -> str:
    """Return *scenario* as an Erlang term."""
    machine = scenario["machine"]
    state, data, actions = machine["first"]
    script = ",".join(_tuple(result) for result in machine["script"])
    steps = ",".join(_tuple(send) for send in scenario["actions"])
    enter = str(machine["state_enter"]).lower()
    return f"{{{machine['mode']},{enter},{{{state},{data},[{_terms(actions)}]}},[{script}],[{steps}]}}"


def _tuple(parts: list[Any]) -> str:
    return f"{{{','.join(f'[{_terms(part)}]' if isinstance(part, list) else str(part) for part in parts)}}}"


def _terms(actions: list[list[Any]]) -> str:
    return ",".join(term for action in actions for term in _action_term(action))


def _action_term(action: list[Any]) -> Iterator[str]:
    match action:
        case ["timeout", which, time, content]:
            kind = {"state": "state_timeout", "event": "timeout"}.get(which, f"{{timeout,{which}}}")
            times = {"long": "1000000", "short": str(SHORT[which])}
            yield f"{{{kind},cancel}}" if time == "cancel" else f"{{{kind},{times.get(time, time)},{content}}}"
        case ["next_event", "x", content]:
            yield f"{{next_event,{{timeout,x}},{content}}}"
        case [word]:
            yield word
        case _:
            yield _tuple(action)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))

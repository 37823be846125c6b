"""Recording applications: random scenarios, each played in an Erlang node of its own, which it may end.

    python -m tests.oracle.applications.record SEED COUNT > FILE

Each is played twice, and kept if both went the same way.
"""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

RECORDER = Path(__file__).parent / "recorder"
NAMES = ("a", "b", "c", "d")
TYPES = ("permanent", "transient", "temporary", "temporary", "temporary")
STARTS = ("ok", "ok", "ok", "ok", "ok_state", "ok_state", "ok_state", "error", "crash", "exit_normal", "junk")
SECONDS = 60


def main(seed: int, count: int) -> None:
    """Print *count* recordings, or as many as could be kept, made from *seed*."""
    made = [_Maker(f"{seed}-{number}").scenario() for number in range(count)]
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(2) as pool:
        compiled = Path(folder)
        _compile(compiled)
        played = [[pool.submit(_played, scenario, compiled) for _ in range(2)] for scenario in made]
        for number, (scenario, (one, other)) in enumerate(zip(made, played, strict=True)):
            if one.result() == other.result():
                line = {"name": f"random_{seed}_{number}", "scenario": scenario, "trace": one.result()}
                sys.stdout.write(json.dumps(line, separators=(",", ":")) + "\n")


def _compile(folder: Path) -> None:
    shutil.copy(RECORDER / "scripted_app.hrl", folder)
    shutil.copy(RECORDER / "play.erl", folder)
    for name in NAMES:
        module = f'-module(app_{name}).\n-define(APP, {name}).\n-include("scripted_app.hrl").\n'
        (folder / f"app_{name}.erl").write_text(module)
    subprocess.run(["erlc", *sorted(folder.glob("*.erl"))], cwd=folder, check=True)  # noqa: S607 - the installed one


def _played(scenario: dict[str, Any], compiled: Path) -> list[dict[str, Any]]:
    """Return what Erlang did, step by step."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for app, script in scenario["applications"].items():
            (folder / f"{app}.app").write_text(_app_file(app, script))
        (folder / "in").write_text(f"{_input(scenario)}.\n")
        (folder / "out").touch()
        pa = ["-pa", str(compiled), "-pa", str(folder)]
        command = ["erl", "-noshell", "-env", "ERL_CRASH_DUMP_BYTES", "0", *pa, "-run", "play", "main", "in", "out"]
        subprocess.run(command, cwd=folder, capture_output=True, check=False, timeout=SECONDS)
        return _steps(map(json.loads, (folder / "out").read_text().splitlines()), len(scenario["actions"]))


def _steps(lines: Any, actions: int) -> list[dict[str, Any]]:
    steps: list[dict[str, Any]] = []
    log: list[Any] = []
    for kind, said in lines:
        if kind == "log":
            log.append(said)
            continue
        answer, running, loaded, env = said
        envs = {name: dict(values) for name, values in env}
        steps.append({"log": log, "answer": answer, "running": running, "loaded": loaded, "env": envs})
        log = []
    return steps if len(steps) == actions else [*steps, {"log": log}]


class _Maker:
    """Makes one random scenario."""

    def __init__(self, seed: str) -> None:
        self._random = random.Random(seed)  # noqa: S311 - nothing is kept secret with it
        self._names = NAMES[: self._random.randint(2, 4)]

    def scenario(self) -> dict[str, Any]:
        applications = {name: self._script(number) for number, name in enumerate(self._names)}
        actions = [self._action() for _ in range(self._random.randint(4, 12))]
        if self._random.random() < 0.5:
            actions.append(["stop_node"])
        return {"applications": applications, "actions": actions}

    def _script(self, number: int) -> dict[str, Any]:
        choose = self._random
        deps = [name for name in self._names[:number] if choose.random() < 0.5]
        phases = [["one", choose.randint(1, 9)], ["two", 2]][: choose.randint(0, 2)]
        return {
            "applications": [*deps, *(["missing"] if choose.random() < 0.05 else [])],
            "env": self._env(),
            "phases": choose.choice((None, phases)),
            "start": choose.choice(STARTS),
            "prep_stop": choose.choice(("ok", "ok", "crash")),
            "stop": choose.choice(("ok", "ok", "crash")),
        }

    def _env(self) -> dict[str, int]:
        return {key: self._random.randint(1, 3) for key in ("x", "y", "z") if self._random.random() < 0.5}

    def _action(self) -> list[Any]:
        choose = self._random
        name = choose.choice(self._names)
        kinds = ("start", "ensure", "stop", "end", "load", "unload", "set_env", "unset_env", "configure")
        match choose.choices(kinds, (20, 25, 15, 12, 5, 5, 8, 4, 8))[0]:
            case "start" | "ensure" as kind:
                return [kind, name, choose.choice(TYPES)]
            case "end":
                return ["end", name, choose.choice(("normal", "shutdown", "boom", "kill"))]
            case "set_env":
                return ["set_env", name, choose.choice("xyz"), choose.randint(1, 3), False]
            case "unset_env":
                return ["unset_env", name, choose.choice("xyz")]
            case "configure":
                return ["configure", {name: self._env() for name in self._names if choose.random() < 0.6}]
            case kind:
                return [kind, name]


def _app_file(name: str, script: dict[str, Any]) -> str:
    phases = "undefined" if script["phases"] is None else _list(f"{{{p},{args}}}" for p, args in script["phases"])
    depends = _list(["kernel", "stdlib", *script["applications"]])
    return (
        f'{{application, {name}, [{{vsn, "1"}}, {{applications, {depends}}}, {{env, {_pairs(script["env"])}}},'
        f" {{start_phases, {phases}}}, {{mod, {{app_{name}, []}}}}]}}.\n"
    )


def _input(scenario: dict[str, Any]) -> str:
    scripts = (
        f"{{{name}, #{{start => {each['start']}, prep_stop => {each['prep_stop']}, stop => {each['stop']}}}}}"
        for name, each in scenario["applications"].items()
    )
    actions = _list(map(_action, scenario["actions"]))
    return f"{{{_list(scenario['applications'])}, {_list(scripts)}, {actions}}}"


def _action(action: list[Any]) -> str:
    match action:
        case ["configure", config]:
            return f"{{configure, {_list(f'{{{name}, {_pairs(env)}}}' for name, env in config.items())}}}"
        case ["end", name, reason]:
            return f"{{'end', {name}, {reason}}}"
        case [word]:
            return str(word)
        case _:
            return f"{{{', '.join(str(part).lower() for part in action)}}}"


def _pairs(values: dict[str, int]) -> str:
    return _list(f"{{{key},{value}}}" for key, value in values.items())


def _list(items: Any) -> str:
    return f"[{','.join(items)}]"


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))

"""What must outlive the node: versions, plans, history, snapshots and events of upgrades, in a database.

`open_store` opens one, `MemoryStore` is for a node without. The values that go in and out are in `values`.
"""

from __future__ import annotations

from otpy.store.deciding import what_node_runs, what_runs
from otpy.store.memory import MemoryStore
from otpy.store.opening import open_store
from otpy.store.recorder import Recorder
from otpy.store.values import (
    Decision,
    End,
    Ending,
    Event,
    Interrupted,
    Limits,
    ModuleChange,
    Permanent,
    Planned,
    Record,
    Snapshot,
    Source,
    State,
    Step,
    StoredVersion,
)

__all__ = [
    "Decision",
    "End",
    "Ending",
    "Event",
    "Interrupted",
    "Limits",
    "MemoryStore",
    "ModuleChange",
    "Permanent",
    "Planned",
    "Record",
    "Recorder",
    "Snapshot",
    "Source",
    "State",
    "Step",
    "StoredVersion",
    "open_store",
    "what_node_runs",
    "what_runs",
]

"""The names of the steps of an upgrade. Light: a command that only shows progress loads no engine."""

from typing import Final

STEPS: Final = (
    "compile",
    "allow",
    "record",
    "load",
    "rehearse",
    "ahead",
    "suspend",
    "go down",
    "install",
    "convert",
    "commit",
    "check",
    "children",
)
"""The steps that can fail, in their order; `force_rollback_at` takes any of them. Then everybody goes on: "resume"."""

"""The public module `otpy.code`: versions of modules, loaded into a running program.

`load` replaces what a module defines and suspends nobody, like OTP's code:load_file/1; the running program is
upgraded by `otpy.upgrade`, which stands on this.

Source: OTP code.erl, code_server.erl.
"""

from __future__ import annotations

from otpy.code.api import load, versions, vsn, which
from otpy.code.lingering import Lingering, check_process_code, purge, soft_purge, who_runs

__all__ = [
    "Lingering",
    "check_process_code",
    "load",
    "purge",
    "soft_purge",
    "versions",
    "vsn",
    "which",
    "who_runs",
]

"""otpylib: processes are asyncio tasks; gen_server, supervisor and dynamic_supervisor after OTP.

A measure runs in a spawned process, as otpylib's own programs do. Calls go to registered names, the only
destinations that its `call` takes. Its restart is by a crash: a process that is killed from outside is not
restarted by its supervisor.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from benchmarks.entries.importing import contest
from benchmarks.entries.otpylib import lifecycle, messages
from benchmarks.values import Contest

CONTESTS: Final[Mapping[str, Contest]] = {
    **messages.CONTESTS,
    **lifecycle.CONTESTS,
    "import": contest("otpylib.gen_server, otpylib.supervisor, otpylib.runtime.backends.asyncio_backend"),
}

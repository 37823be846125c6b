"""otpylib's names as its entry uses them. The stub beside this file has the types that otpylib leaves out."""
# pyright: reportMissingTypeStubs=false, reportUnknownVariableType=false

from otpylib.dynamic_supervisor import child_spec as DynamicChildSpec  # noqa: N812 - it is a class
from otpylib.dynamic_supervisor import options as DynamicOptions  # noqa: N812 - it is a class
from otpylib.dynamic_supervisor import start_child
from otpylib.dynamic_supervisor import start_link as start_dynamic_supervisor
from otpylib.gen_server import NoReply, Reply, call, cast, start
from otpylib.module import DYNAMIC_SUPERVISOR, GEN_SERVER, SUPERVISOR, OTPModule
from otpylib.process import receive, send, spawn, use_runtime
from otpylib.process import self as self_pid
from otpylib.runtime.backends.asyncio_backend import AsyncIOBackend as Backend
from otpylib.runtime.backends.asyncio_backend.pid import Pid
from otpylib.supervisor import child_spec as ChildSpec  # noqa: N812 - it is a class
from otpylib.supervisor import options as Options  # noqa: N812 - it is a class
from otpylib.supervisor import start_link as start_supervisor

__all__ = [
    "DYNAMIC_SUPERVISOR",
    "GEN_SERVER",
    "SUPERVISOR",
    "Backend",
    "ChildSpec",
    "DynamicChildSpec",
    "DynamicOptions",
    "NoReply",
    "OTPModule",
    "Options",
    "Pid",
    "Reply",
    "call",
    "cast",
    "receive",
    "self_pid",
    "send",
    "spawn",
    "start",
    "start_child",
    "start_dynamic_supervisor",
    "start_supervisor",
    "use_runtime",
]

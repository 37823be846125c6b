"""`otpy.asgi`: a FastAPI app, or any other ASGI app, as a supervised child.

    otpy.asgi.child_spec("shop.web:app", host="0.0.0.0", port=8000)

The server is a process on the runtime's event loop. Its start returns when it listens; its end accepts nobody any more,
lets requests under way end, closes streams, and ends the app's lifespan; when it crashes, it is started again on the
same port. It needs uvicorn: `pip install "otpy[api]"`.
"""

from importlib.util import find_spec

if find_spec("uvicorn") is None:
    raise ModuleNotFoundError('otpy.asgi needs uvicorn: pip install "otpy[api]"', name="uvicorn")

from otpy.asgi.lifespan import LifespanFailed
from otpy.asgi.server import Address, AsgiServer, GetAddress, address, child_spec, start_link
from otpy.asgi.settings import Options

__all__ = [
    "Address",
    "AsgiServer",
    "GetAddress",
    "LifespanFailed",
    "Options",
    "address",
    "child_spec",
    "start_link",
]

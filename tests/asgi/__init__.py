"""Tests of otpy.asgi."""

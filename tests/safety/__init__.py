"""Tests of `otpy.safety`."""

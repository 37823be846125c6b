"""Tests of `otpy.planning`."""

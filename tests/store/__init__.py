"""Tests of `otpy.store`."""

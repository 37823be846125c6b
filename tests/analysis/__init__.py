"""Tests of `otpy.analysis`."""

"""Tests of otpy.kernel."""

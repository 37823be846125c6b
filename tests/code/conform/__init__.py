"""Tests of otpy.code.conform."""

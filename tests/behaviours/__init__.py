"""Tests of otpy.behaviours."""

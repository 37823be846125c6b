"""Tests of live upgrades."""

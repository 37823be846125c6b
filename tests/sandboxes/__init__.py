"""Tests of the example systems."""

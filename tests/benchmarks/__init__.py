"""Tests of the benchmarks: of the judging and the command line, not of any speed."""

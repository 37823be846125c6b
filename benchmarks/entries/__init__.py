"""The contestants' code: one module or package each, with its `CONTESTS` by name of measure.

Every entry does the same with its own library's means, written as its manual would have it. What all of them
need to agree on (sizes of bursts, rings, hogs) stands in `shape`.
"""

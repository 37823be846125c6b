"""otpy's figures beside those of its peers, taken in one run.

`python -m benchmarks` starts each contestant of each measure in a fresh process, in turn
(A B A B …), and ends with a table of the goals. README.md tells how each figure is taken.
"""

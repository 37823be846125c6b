"""Code in which a type checker finds what is marked, and nothing else.

A line is marked with a comment, "error: why", or "pyright error: why" where mypy does not see it.
"""

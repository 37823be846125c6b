"""A module that a test upgrades."""

VALUE = 1

"""Whole systems: packages of others upgraded live, and faults of every kind in the middle of upgrades."""

"""Properties of live upgrades, looked for with random systems, edits, faults and loads."""

"""Event handlers: the behaviour, what its callbacks return, and the manager that runs them. Its verbs are gen_event."""

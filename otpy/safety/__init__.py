"""May we? Rules for sources, limits for plans, and a policy as a value that has both."""

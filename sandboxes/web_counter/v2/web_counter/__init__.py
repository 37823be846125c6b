"""A counter behind a web app."""

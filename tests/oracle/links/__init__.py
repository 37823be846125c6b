"""The scenarios of links, monitors and exit signals."""

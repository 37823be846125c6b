"""Small programs that build, check and lock the project; the Makefile runs them."""

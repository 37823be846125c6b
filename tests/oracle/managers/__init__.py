"""Event managers: scripted handlers, on Erlang for the recordings and on otpy for the comparison."""

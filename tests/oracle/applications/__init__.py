"""Applications: scripted ones, on Erlang for the recordings and on otpy for the comparison."""

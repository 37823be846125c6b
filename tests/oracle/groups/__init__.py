"""Process groups: what pg does with them, on Erlang for the recordings and on otpy for the comparison."""

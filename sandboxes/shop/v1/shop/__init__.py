"""A shop of three servers that call each other: cart, stock and ledger."""

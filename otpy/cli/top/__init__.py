"""`otpy top`: a node's processes as they change, on the terminal.

`model.py` holds what the node has told, and knows no screen. `listing.py` and `branches.py` are widgets that cost what
is visible, not what there is; `link.py` asks the node, on a thread of its own; `app.py` puts them together, and
`once.py` prints a table instead. `listing.py`, `branches.py` and `app.py` need Textual, the extra `top`.
"""

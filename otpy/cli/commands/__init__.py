"""One module for each command: what it takes, and which parts do it. `app.py` lists them."""

"""Typed doors to peers that ship no types: each module names the little that its entry uses."""

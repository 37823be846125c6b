"""State machines: what their callbacks return, what they ask for, and the loop. The behaviour itself is GenStatem."""

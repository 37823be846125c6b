"""Applications from the inside: their specs, where these are found, environments, masters, the controller."""

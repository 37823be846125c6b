"""What changed, and whom does it touch? Pure: sources and a snapshot of the processes go in, values come out."""

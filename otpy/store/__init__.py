"""What must outlive the node: versions, plans, history, snapshots and events of upgrades, in a database."""

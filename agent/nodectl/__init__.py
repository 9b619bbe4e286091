"""nodectl: what an operator runs on a node. A client, and one file per command."""

"""The whole metric catalogue, the peers' names for it, and logs."""

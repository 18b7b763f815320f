"""The whole metric catalogue, and logs."""

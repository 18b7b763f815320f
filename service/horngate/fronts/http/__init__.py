"""The HTTP port: metrics, health, the status page, and REST."""

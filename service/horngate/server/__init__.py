"""Assembly, the only wiring, and the life of the process."""

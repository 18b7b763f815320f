"""Other model servers, each run by an interpreter of its own environment."""

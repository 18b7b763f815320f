"""A server under everything at once: load, swaps, cancels, deadlines, bad input, reconnects."""

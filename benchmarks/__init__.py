"""What Horngate costs beside what it could cost at least. ``python -m benchmarks`` runs it."""

"""Who may call what, and how often. Knows names, patterns and digests; no model, no front."""

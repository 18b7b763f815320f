"""A version on disk: its layout, what is recorded of it, its compiled forms, what a batch costs."""

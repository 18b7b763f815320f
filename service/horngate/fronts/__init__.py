"""What listens: it moves bytes, and knows no model and no metric."""

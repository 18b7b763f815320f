"""What carries messages: they know no model and no tensor."""

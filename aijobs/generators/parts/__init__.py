"""Documents that are longer than the model's window: split into parts, asked part by part, and joined."""

"""Real work on pictures."""

"""The HTTP face: what a caller sends is checked here, and what happens is told here."""

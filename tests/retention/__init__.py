"""What is kept and let go."""

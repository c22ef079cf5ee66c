"""What is kept and let go: deleted by its owner at once, and erased when its time has come."""

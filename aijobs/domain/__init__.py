"""What we know about jobs, without touching the world."""

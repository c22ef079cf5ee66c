"""What the clients can do besides jobs and batches, one kind of thing a file."""

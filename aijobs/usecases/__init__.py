"""What can be asked of an installation: each use case takes and returns domain values, and knows nothing of HTTP."""

"""The use cases. Each takes and returns domain values, and knows nothing of HTTP."""

"""The Temporal activities: the steps of a job that do I/O, grouped by what they need."""

"""The database under load: kills, cancellation, and what a job costs."""

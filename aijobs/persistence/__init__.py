"""The database: the owner's view of jobs, and the one gate through which a status changes."""

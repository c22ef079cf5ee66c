"""The Temporal workflows, one file each, and how they are started."""

"""The steps of a job that touch the world, grouped by what they need."""

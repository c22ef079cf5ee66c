"""The page of one job, in a browser."""

"""Batches in the database: writing their items, accepting jobs for them, how they stand."""

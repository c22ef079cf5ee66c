"""Batches: one order of many jobs of one model."""

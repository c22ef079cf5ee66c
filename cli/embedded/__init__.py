"""Keeps Temporal, API, worker and sandbox alive on one machine."""

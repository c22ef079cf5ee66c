"""Readiness, and the metrics that Prometheus scrapes."""

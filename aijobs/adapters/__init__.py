"""Adapters: what reaches the outside world, each behind a port of the domain."""

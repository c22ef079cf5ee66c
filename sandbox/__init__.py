"""Simulated vendors over real HTTP: they do real work, keep a ledger of paid submits, and inject faults on request."""

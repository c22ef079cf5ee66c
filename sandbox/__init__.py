"""Vendors, simulated over real HTTP: real work, a ledger of paid submits, and misbehaviour on request."""

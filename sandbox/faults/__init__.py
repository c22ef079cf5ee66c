"""Fault injection: the catalogue of faults, the board on which they are armed, and responses that break HTTP."""

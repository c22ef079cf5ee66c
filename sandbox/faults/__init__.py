"""Misbehaviour on request: the catalogue of faults, where they are armed, and responses that break HTTP."""

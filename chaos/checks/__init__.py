"""The invariants that must hold after a run."""

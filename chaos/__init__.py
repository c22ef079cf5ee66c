"""Proof by chaos: the real stack runs, everything in it is killed, and afterwards every promise is checked."""

"""Slots at vendors: what limits them, and in which order they are granted."""

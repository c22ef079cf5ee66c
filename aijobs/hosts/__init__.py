"""Hosts: what several of them need to work together, and what each sees of itself."""

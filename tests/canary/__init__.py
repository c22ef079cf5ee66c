"""Secrets and words are planted in a real installation, everything happens to jobs, and then everything is searched."""

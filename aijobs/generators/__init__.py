"""Generators: models that run in our own worker, in stages."""

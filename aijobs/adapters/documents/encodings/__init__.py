"""Encodings of texts: recognised when that is certain, refused else."""

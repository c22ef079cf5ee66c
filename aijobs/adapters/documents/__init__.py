"""Documents: reading uploaded files in guarded processes, and writing tables."""

"""Documents: reading what is handed in, in guarded processes of their own, and writing tables."""

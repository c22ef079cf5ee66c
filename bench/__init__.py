"""Benchmarks of aijobs, compared with the bare libraries: `python -m bench [NAME …]`."""

"""What aijobs costs, next to what its parts cost without it: `python -m bench [NAME …]`."""

"""Reading requests: strict JSON, uploaded files, codes in paths."""

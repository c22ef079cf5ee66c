"""The third parties that do the work, one vendor each; `registry.py` has the table of all of them."""

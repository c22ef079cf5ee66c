"""The providers, one package for each vendor; `registry.py` has the table of all of them."""

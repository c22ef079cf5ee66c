"""The simulated vendors, one package each."""

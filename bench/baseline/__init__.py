"""The bare rivals that measurements are compared with."""

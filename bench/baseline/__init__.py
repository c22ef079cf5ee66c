"""The baselines that measurements are compared with."""

"""Replicate, simulated: predictions, files, models, account and the webhook secret."""

"""Reads the JSON in models' answers, as they really write it."""

"""Small values that every layer shares: ids, durations, JSON pointers, clean text."""

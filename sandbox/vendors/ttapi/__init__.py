"""TTAPI, simulated: Midjourney's imagine and its actions, with real pictures, quotas and hooks."""

"""The faults of a run: kills, cut connections, a misbehaving provider."""

"""Connections and what bounds them: places, deadlines, sizes, hosts; it works before, and without, a key."""

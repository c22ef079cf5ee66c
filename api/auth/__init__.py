"""Authentication: keys, tokens, sessions, stream tickets, and the origins of browsers' requests."""

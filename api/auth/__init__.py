"""Who calls: keys, tokens, sessions, tickets, and the origins of browsers."""

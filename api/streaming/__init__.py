"""Live events: the tail of the event log, its subscribers, and how they are replayed and sent."""

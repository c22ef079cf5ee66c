"""The log: one line an event, at levels that may change while a process runs."""

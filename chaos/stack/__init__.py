"""The stack under test, each part a process of its own."""

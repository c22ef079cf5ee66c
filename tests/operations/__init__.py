"""docs/operations.md: every command in it is run against a real installation."""

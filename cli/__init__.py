"""The `aijobs` command."""

"""Fuzzing: hostile texts, files and requests against everything that reads them. `make fuzz` searches longer."""

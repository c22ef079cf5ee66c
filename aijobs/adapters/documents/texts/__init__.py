"""The text of a document, by its kind. Runs in the parser process only."""

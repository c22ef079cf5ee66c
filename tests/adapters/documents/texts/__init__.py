"""Texts of documents, by format."""

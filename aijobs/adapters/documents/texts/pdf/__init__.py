"""Texts of PDFs: words with their boxes, and which pages are pictures."""

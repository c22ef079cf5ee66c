"""Spreadsheets of every format, and the tables in them. Runs in the parser process only."""

"""Spreadsheets and texts with rows: cells, tables, formats, encodings."""

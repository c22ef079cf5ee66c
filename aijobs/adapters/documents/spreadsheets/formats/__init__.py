"""One reader for each format of spreadsheets: all give the same sheets, rows and cells."""

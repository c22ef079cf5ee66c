"""Office files as archives: checked before a parser opens them, and read part by part."""

"""Lists, searches and statistics: what they find, and that many jobs do not make them slow."""

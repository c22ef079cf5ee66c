"""Points in the database: the ledger and its audit."""

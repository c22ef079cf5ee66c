"""What survives a killed sandbox: records, files, and the ledger of paid submissions."""

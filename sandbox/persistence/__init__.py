"""What survives a kill of the sandbox: records, files, and the ledger of paid submissions."""

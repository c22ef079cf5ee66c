"""The points ledger, and costs."""

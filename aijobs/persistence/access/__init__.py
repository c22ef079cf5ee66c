"""Access in the database: API keys, sessions, idempotency keys, the installation's secret."""

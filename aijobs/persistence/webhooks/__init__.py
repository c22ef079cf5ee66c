"""Webhooks in the database: endpoints, the outbox, deliveries and their log, and inbound webhooks."""

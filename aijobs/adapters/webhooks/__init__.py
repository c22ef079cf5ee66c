"""Webhooks to our callers: signed after Standard Webhooks, sent over guarded connections."""

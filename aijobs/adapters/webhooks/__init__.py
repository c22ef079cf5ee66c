"""Webhooks to our callers: signed as Standard Webhooks wants it, and never led astray."""

"""Outgoing HTTP: the client for providers, and the guard against server-side request forgery."""

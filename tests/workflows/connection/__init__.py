"""Temporal behind TLS: certificates, keys, and what is wrong with them."""

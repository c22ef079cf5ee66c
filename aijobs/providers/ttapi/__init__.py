"""TTAPI (ttapi.io): Midjourney, which has no public API of its own.

Facts are from docs.ttapi.io; nothing of it was recorded. What to remember: no idempotency key, no cancel, unsigned
webhooks, a submit that says SUCCESS has only been accepted, and one that says FAILED comes with HTTP 200.
"""

from aijobs.providers.ttapi.adapter import Ttapi, TtapiSettings, opened

__all__ = ["Ttapi", "TtapiSettings", "opened"]

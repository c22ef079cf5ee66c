"""Replicate (replicate.com): any model that its predictions API runs, first of all `topazlabs/image-upscale`.

Facts are from its OpenAPI document and from recorded traffic. What to remember: it has no idempotency key, it erases
input and output one hour after the end, and the reply to a create says nothing certain about the status.
"""

from aijobs.providers.replicate.adapter import Replicate, ReplicateSettings, opened

__all__ = ["Replicate", "ReplicateSettings", "opened"]

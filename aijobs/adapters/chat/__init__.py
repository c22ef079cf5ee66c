"""Any language model behind an OpenAI-compatible `POST …/chat/completions`: OpenAI, DashScope, DeepSeek, vLLM, Ollama.

There is no idempotency key, and an answer cannot be fetched later. An answer that is lost must be requested, and paid
for, again.
"""

from typing import Final

from aijobs.adapters.chat.adapter import ChatEndpoint, opened
from aijobs.adapters.chat.settings import ChatSettings
from aijobs.domain.vendor import KeyCheck, SandboxAccess, Vendor

__all__ = ["VENDOR", "ChatEndpoint", "ChatSettings", "opened"]


def _sandbox_settings(sandbox: SandboxAccess) -> dict[str, str]:
    return {"token": sandbox.token, "base_url": f"{sandbox.url}/openai/v1", "model": "sandbox"}


VENDOR: Final = Vendor(label="Chat", key_check=KeyCheck(path="/models"), stand_in=_sandbox_settings)

"""Any language model behind an OpenAI-compatible `POST …/chat/completions`: OpenAI, DashScope, DeepSeek, vLLM, Ollama.

There is no idempotency key, and an answer cannot be fetched later. An answer that is lost must be requested, and paid
for, again.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from aijobs.adapters.chat.adapter import ChatEndpoint, opened
from aijobs.adapters.chat.errors import WRONG_BASE_URL
from aijobs.adapters.chat.problems import is_page, is_problem, problem_in
from aijobs.adapters.chat.settings import ChatSettings
from aijobs.adapters.chat.supported_fields import DialectMemory
from aijobs.domain.vendor import KeyCheck, SandboxAccess, Vendor

__all__ = ["MEMORY_FILE", "VENDOR", "ChatEndpoint", "ChatSettings", "opened"]

MEMORY_FILE: Final = "chat_endpoint.json"
"""In the data directory: which fields of a request the endpoint refuses."""


def _sandbox_settings(sandbox: SandboxAccess) -> dict[str, str]:
    return {"token": sandbox.token, "base_url": f"{sandbox.url}/openai/v1", "model": "sandbox"}


def _complaint(body: bytes) -> str | None:
    """What is wrong with a list of models; some endpoints give theirs without a key, or in a shape of their own."""
    text = body.decode("utf-8", "replace")
    if is_page(text):
        return "answers a web page."
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return "answers no JSON."
    if isinstance(document, dict) and is_problem(document) and "data" not in document:
        return f"answers an error: {problem_in(document).message[:200]}"
    return None


def _learned(settings: ChatSettings, data_dir: Path) -> Sequence[str]:
    dialect = DialectMemory(data_dir / MEMORY_FILE).recall(settings)
    return dialect.differences(settings) if dialect else ()


VENDOR: Final = Vendor(
    label="Chat",
    key_check=KeyCheck(path="/models", complaint=_complaint, wrong_address_hint=WRONG_BASE_URL),
    stand_in=_sandbox_settings,
    learned=_learned,
)

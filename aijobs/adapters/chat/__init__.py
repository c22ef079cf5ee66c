"""Any language model behind an OpenAI-compatible `POST …/chat/completions`: OpenAI, DashScope, DeepSeek, vLLM, Ollama.

What to remember: there is no idempotency key and nothing to ask for later. An answer that is lost on the way can only
be asked for, and paid for, again.
"""

from aijobs.adapters.chat.adapter import ChatEndpoint, opened
from aijobs.adapters.chat.settings import ChatSettings

__all__ = ["ChatEndpoint", "ChatSettings", "opened"]

"""Errors in the words of servers of one's own: Ollama, vLLM, SGLang and llama.cpp."""

from typing import Any, Final

import pytest

from aijobs.domain.errors import AijobsError, ProviderFailed, ProviderUnavailable
from tests.providers.test_chat_errors import OpenAt, error_of, open_at

__all__ = ["open_at"]


def vllm(message: str, code: int, kind: str = "BadRequestError") -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


def sglang(message: str, code: int, kind: str = "BadRequestError") -> dict[str, Any]:
    return {"object": "error", "message": message, "type": kind, "param": None, "code": code}


def ollama(message: str) -> dict[str, Any]:
    return {"error": {"message": message, "type": "api_error", "param": None, "code": None}}


NO_MODEL: Final = "The model `x` does not exist."
LONG: Final = "The input (5000 tokens) is longer than the model's context length (4096 tokens)."
LOADING: Final = {"error": {"code": 503, "message": "Loading model", "type": "unavailable_error"}}
FULL: Final = "server busy, please try again. maximum pending requests exceeded"

#: The status, the answer, what it is, and a part of what is said.
SAID: Final[dict[str, tuple[int, dict[str, Any], type[AijobsError], str]]] = {
    "Ollama has not the model": (
        404,
        ollama('model "x" not found, try pulling it first'),
        ProviderFailed,
        "pulling it",
    ),
    "vLLM has not the model": (404, vllm(NO_MODEL, 404, "NotFoundError"), ProviderFailed, "does not exist"),
    "SGLang has not the model": (400, sglang(NO_MODEL, 400), ProviderFailed, "does not exist"),
    "SGLang: too long": (400, sglang(LONG, 400), ProviderFailed, "The question is too long"),
    "vLLM: too long": (
        400,
        vllm("This model's maximum context length is 4096 tokens.", 400),
        ProviderFailed,
        "too long",
    ),
    "llama.cpp: too long": (
        400,
        {"error": {"code": 400, "message": "the request exceeds the available context size, try increasing it"}},
        ProviderFailed,
        "too long",
    ),
    "llama.cpp still loads": (503, LOADING, ProviderUnavailable, "Loading model"),
    "Ollama is busy": (503, ollama(FULL), ProviderUnavailable, "busy"),
    "SGLang is busy": (
        503,
        sglang("The request queue is full.", 503, "ServiceUnavailableError"),
        ProviderUnavailable,
        "full",
    ),
    "vLLM sees no pictures": (400, vllm("x is not a multimodal model", 400), ProviderFailed, "multimodal"),
    "Ollama sees no pictures": (
        500,
        ollama("Failed to create new sequence: this model does not support images"),
        ProviderFailed,
        "images",
    ),
}


@pytest.mark.parametrize("name", SAID)
async def test_it_is_understood_whether_another_try_helps(open_at: OpenAt, server: Any, name: str) -> None:
    status, document, expected, words = SAID[name]
    chat, vendor = await open_at(server.answers(status, document))

    error = await error_of(chat)

    assert type(error) is expected
    assert words in str(error)
    assert vendor.connections == 1

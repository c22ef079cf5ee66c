"""What is planted: a secret for each setting that takes one, and words that only their owner may read."""

import base64
import json
import secrets
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, get_args
from urllib.parse import quote

from pydantic import BaseModel, SecretStr

from aijobs.settings import NESTED_BY, PREFIX, Settings


def secret_settings() -> list[str]:
    """The names of all settings that are secret."""
    return list(_secret_in(Settings, PREFIX))


def _secret_in(section: type[BaseModel], prefix: str) -> Iterator[str]:
    for name, field in section.model_fields.items():
        annotation: Any = field.annotation
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            yield from _secret_in(annotation, f"{prefix}{name.upper()}{NESTED_BY}")
        elif _is_secret(annotation):
            yield f"{prefix}{name.upper()}"


def _is_secret(annotation: Any) -> bool:
    return annotation is SecretStr or any(_is_secret(part) for part in get_args(annotation))


def _random() -> str:
    return f"cnry{secrets.token_hex(12)}"


def _webhook_secret() -> str:
    return f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode()}"


#: Settings whose secrets have a form of their own.
FORMS: Final[Mapping[str, Any]] = {
    "AIJOBS_REPLICATE__TOKEN": lambda: f"r8_{_random()}",
    "AIJOBS_REPLICATE__WEBHOOK_SECRET": _webhook_secret,
    "AIJOBS_OPENAI__WEBHOOK_SECRET": _webhook_secret,
    "AIJOBS_OPENAI__TOKEN": lambda: f"sk-{_random()}",
    "AIJOBS_CLI__KEY": lambda: f"aijobs_{_random()}",
    "AIJOBS_PAYLOADS__KEYS": lambda: base64.b64encode(secrets.token_bytes(32)).decode(),
}


def made_secret(setting: str) -> str:
    return str(FORMS.get(setting, _random)())


def written_setting(setting: str, secret: str) -> str:
    """The secret as its setting takes it."""
    if setting == "AIJOBS_BEDROCK__CREDENTIALS":
        return f"spare={secret} spare.access_key={secret}"
    if setting.endswith("__CREDENTIALS"):
        return f"spare={secret}"
    if setting == "AIJOBS_RATE_LIMITS__REDIS":  # nobody is there, and so nothing is refused
        return f"redis://:{secret}@127.0.0.1:9/0"
    return f"k1:{secret}" if setting == "AIJOBS_PAYLOADS__KEYS" else secret


#: Words that are for their owner, in the database, in the store and in what the owner reads; each with what says it.
WORDS: Final[dict[str, str]] = {
    "prompt": "quokkaprompt",
    "cancel reason": "quokkareason",
    "vendor text": "quokkavendor",
    "file name": "quokkaname",
    "file content": "quokkacontent",
    "receiver answer": "quokkareceiver",
    "decision": "quokkadecision",
}


def found_in(content: bytes, planted: Mapping[str, str]) -> set[str]:
    """The names of what is found, also as base64, in a URL, in JSON or in hexadecimal, whatever its case."""
    folded = content.lower()
    return {name for name, mark in planted.items() if any(form in folded for form in _forms(mark))}


def _forms(mark: str) -> set[bytes]:
    """In base64 a text looks different at each of three places, so the part that never depends on its surroundings."""
    plain = mark.encode()
    forms = {plain, quote(mark, safe="").encode(), json.dumps(mark)[1:-1].encode(), plain.hex().encode()}
    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + plain)
        forms.add(encoded[4 if before else 0 : -4])
    return {form.lower() for form in forms if len(form) > 7}


def merged(found: Iterable[set[str]]) -> set[str]:
    return set[str]().union(*found)

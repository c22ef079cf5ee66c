"""What a request means, whichever way it is written: two with the same meaning ask for the same thing."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from aijobs.domain.jobs.job import JobRequest


def meaning_of(request: JobRequest, params: Mapping[str, Any], *, kind: str, user_id: str) -> str:
    """A digest. `params` are the validated ones, with every default in them; `kind` is the model's own type, which a
    request may leave out; `user_id` is whom the job is for.
    """
    written = request.model_dump(mode="json")
    return digest_of({**written, "user_id": user_id, "type": request.type or kind, "params": params})


def digest_of(document: Any) -> str:
    """Of a JSON document: the same for 4 and 4.0, and for every order of names."""
    return hashlib.sha256(json.dumps(_canonical(document), sort_keys=True).encode()).hexdigest()


def _canonical(value: Any) -> Any:
    match value:
        case dict():
            return {str(name): _canonical(inner) for name, inner in value.items()}
        case list() | tuple():
            return [_canonical(inner) for inner in value]
        case float() if value.is_integer():
            return int(value)
        case _:
            return value

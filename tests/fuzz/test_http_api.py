"""The whole API by its own OpenAPI document: requests made of it, one after another with what came before.

Whatever is sent, the answer is no 5xx, and is as the document says: its status, its content type and its shape.
"""

import asyncio
import os
from collections import Counter
from typing import Any, Final

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from hypothesis.errors import FlakyStrategyDefinition
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.openapi import from_dict
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.api.conftest import api, dependencies, engine, key, temporal
from tests.api.installation import ApiUnderTest

__all__ = ["api", "dependencies", "engine", "key", "temporal"]

#: Sequences of requests, and how long each is. `make fuzz` asks for more.
SEQUENCES: Final = int(os.environ.get("FUZZ_SEQUENCES", "10"))
STEPS: Final = 25
TIMEOUT: Final = 60.0
HOW: Final[dict[str, Any]] = {
    "stateful_step_count": STEPS,
    "suppress_health_check": list(HealthCheck),
    "phases": (Phase.explicit, Phase.generate),
    "deadline": None,
}

#: They answer for as long as their readers read.
STREAMS: Final = r"/events$|/progress|/stream"

#: What the document need not name: any route may be asked too much, or with what no HTTP server takes.
CHECKS: Final = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


def fuzzed(api: ApiUnderTest, document: dict[str, Any]) -> Counter[int]:
    """Run the sequences. Returns how often each status was answered. Raises what a check finds."""
    schema = from_dict(document).exclude(path_regex=STREAMS)
    schema.config.update(base_url=api.url)
    answered, begun, found = Counter[int](), Counter[str](), list[FailureGroup]()

    class Workflow(schema.as_state_machine()):  # type: ignore[misc]
        def setup(self) -> None:
            begun["sequence"] += 1

        def get_call_kwargs(self, case: schemathesis.Case[Any]) -> dict[str, Any]:
            headers = {"Authorization": api.http.headers["Authorization"], "Aijobs-User": "ada"}
            return {"headers": headers, "timeout": TIMEOUT, "allow_redirects": False}

        def validate_response(self, response: Any, case: schemathesis.Case[Any], *args: Any, **kwargs: Any) -> None:
            answered[response.status_code] += 1
            try:
                case.validate_response(response, checks=CHECKS)
            except FailureGroup as failure:
                found.append(failure)
                raise

    while (left := SEQUENCES - begun["sequence"]) > 0:
        try:
            Workflow.run(settings=settings(max_examples=left, **HOW))
        except FlakyStrategyDefinition:  # what is drawn depends on answers, of which Hypothesis sometimes complains
            if found:
                raise found[0] from None
    return answered


@pytest.mark.filterwarnings("default")
async def test_sequences_of_requests(api: ApiUnderTest) -> None:
    document = (await api.http.get("/openapi.json")).json()

    answered = await asyncio.to_thread(fuzzed, api, document)

    assert {200, 404, 422} <= answered.keys()
    assert answered.total() >= SEQUENCES

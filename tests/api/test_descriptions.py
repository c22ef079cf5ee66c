"""The OpenAPI and the AsyncAPI description: examples fit their schemas, so does what is sent, and a linter agrees."""

import asyncio
import json
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest
from jsonschema_rs import ValidationError, validator_for

from aijobs.domain.lifecycle import JobStatus
from api.routes.asyncapi import asyncapi_document
from api.routes.websocket import SubscribeMessage
from api.schemas.examples import JSON_TYPES
from tests.api.installation import ApiUnderTest
from tests.api.streaming import receive_json, socket
from tests.clients.typescript.packages import LINTER, needs_linter

EXAMPLES: Final = "#/components/examples/"
BASE_URL: Final = "https://aijobs.example.com"


@pytest.fixture
async def openapi(shared_api: ApiUnderTest) -> dict[str, Any]:
    document: dict[str, Any] = (await shared_api.http.get("/openapi.json")).json()
    return document


def json_contents(openapi: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Of every JSON body and answer, with where it is."""
    for path, methods in openapi["paths"].items():
        for method, operation in methods.items():
            bodies = {"body": operation.get("requestBody", {}), **operation["responses"]}
            for name, body in bodies.items():
                for media_type, content in body.get("content", {}).items():
                    if media_type in JSON_TYPES:
                        yield f"{method} {path} {name}", content


def examples_of(content: dict[str, Any], openapi: dict[str, Any]) -> list[Any]:
    if "example" in content:
        return [content["example"]]
    known = openapi["components"]["examples"]
    given = content.get("examples", {}).values()
    return [known[one["$ref"].removeprefix(EXAMPLES)]["value"] if "$ref" in one else one["value"] for one in given]


async def test_every_body_and_answer_has_examples_that_fit_its_schema(openapi: dict[str, Any]) -> None:
    checked, components = 0, {"components": openapi["components"]}
    for where, content in json_contents(openapi):
        examples = examples_of(content, openapi)
        assert examples, where
        for example in examples:
            validator = validator_for({**content["schema"], **components})
            errors = [f"{error.instance_path}: {error.message}" for error in validator.iter_errors(example)]
            assert errors == [], where
            checked += 1
    assert checked > 100


async def test_no_example_is_a_placeholder(openapi: dict[str, Any]) -> None:
    contents = json_contents(openapi)
    said = {where: json.dumps(examples_of(content, openapi), ensure_ascii=False) for where, content in contents}

    assert {where: text for where, text in said.items() if '"…"' in text} == {}


async def test_what_the_api_answers_fits_its_own_schema(api: ApiUnderTest, openapi: dict[str, Any]) -> None:
    code = await api.job("ada")
    for path, url in {
        "/api/jobs/{code}": f"/api/jobs/{code}",
        "/api/jobs": "/api/jobs",
        "/api/models": "/api/models",
        "/api/points": "/api/points",
    }.items():
        answer = (await api.http.get(url, headers={"Aijobs-User": "ada"})).raise_for_status()
        schema = openapi["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
        validator_for({**schema, "components": openapi["components"]}).validate(answer.json())


async def test_frames_and_first_messages_fit_the_asyncapi_document(api: ApiUnderTest) -> None:
    document = (await api.http.get("/asyncapi.json")).json()
    messages, components = document["components"]["messages"], {"components": document["components"]}
    code = await api.job("ada")
    await api.push(code, JobStatus.SUBMITTED, JobStatus.PROCESSING)

    async with socket(api) as connection:
        await connection.send(json.dumps({"after": 0, "code": [code]}))
        frames = [await receive_json(connection) for _ in range(3)]

    event, subscribe = (validator_for({**messages[name]["payload"], **components}) for name in ("event", "subscribe"))
    for frame in [*frames, messages["event"]["examples"][0]["payload"]]:
        event.validate(frame)
    first = messages["subscribe"]["examples"][0]["payload"]
    subscribe.validate(first)
    assert SubscribeMessage.model_validate(first).after == first["after"]
    assert document["channels"]["events"]["address"] == "/api/ws"
    assert document["servers"]["api"]["protocol"] == "ws"
    assert document["components"]["securitySchemes"]["session"]["name"] == "aijobs_session"
    behind_tls = asyncapi_document(BASE_URL)
    assert behind_tls["servers"]["api"]["protocol"] == "wss"
    assert behind_tls["components"]["securitySchemes"]["session"]["name"] == "__Host-aijobs_session"
    with pytest.raises(ValidationError):
        subscribe.validate({"colour": "red"})


@needs_linter
@pytest.mark.parametrize("name", ["openapi", "asyncapi"])
async def test_the_linter_finds_nothing(shared_api: ApiUnderTest, tmp_path: Path, name: str) -> None:
    document = tmp_path / f"{name}.json"
    document.write_text((await shared_api.http.get(f"/{name}.json")).text)
    command = ["npx", "--no-install", "redocly", "lint", "--config", "redocly.yaml", "--format", "json", str(document)]

    lint = partial(subprocess.run, command, cwd=LINTER, capture_output=True, text=True, timeout=300, check=False)
    done = await asyncio.to_thread(lint)

    report = json.loads(done.stdout[done.stdout.index("{") :])
    problems = [f"{one['ruleId']}: {one['message']} {one['location']}" for one in report["problems"]]
    assert problems == []
    assert done.returncode == 0

"""The OpenAPI document describes every route and every error."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.api.installation import ApiUnderTest

METHODS = {"get", "post", "put", "patch", "delete"}


@pytest.fixture
async def openapi(shared_api: ApiUnderTest) -> dict[str, Any]:
    answer = await shared_api.http.get("/openapi.json")
    document: dict[str, Any] = answer.json()
    return document


def operations(openapi: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        f"{method} {path}": operation
        for path, methods in openapi["paths"].items()
        for method, operation in methods.items()
        if method in METHODS
    }


def references(value: Any) -> set[str]:
    match value:
        case {"$ref": str(reference)}:
            return {reference}
        case dict():
            return set[str]().union(*map(references, value.values()))
        case list():
            return set[str]().union(*map(references, value))
    return set()


def nodes(value: Any) -> Iterator[dict[str, Any]]:
    """Every object of the document."""
    if isinstance(value, dict):
        yield value
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for part in inner:
        yield from nodes(part)


async def test_every_route_says_what_it_is_and_what_can_go_wrong(openapi: dict[str, Any]) -> None:
    for name, operation in operations(openapi).items():
        assert operation["summary"], name
        assert operation["tags"], name
        if name in {"get /healthz", "get /metrics"}:  # they answer while everything else is away
            continue
        problems = {status: answer for status, answer in operation["responses"].items() if status >= "400"}
        assert problems, name
        shape = "application/json" if name == "post /api/template/upload-template" else "application/problem+json"
        for answer in problems.values():
            assert answer["content"].keys() == {shape}, name


async def test_every_route_declares_the_refusals_of_its_kind(openapi: dict[str, Any]) -> None:
    for name, operation in operations(openapi).items():
        declared = operation["responses"].keys()
        if operation["security"]:
            assert declared >= {"401", "403", "429"}, name
        if "requestBody" in operation:
            assert declared >= {"400", "413", "415"}, name
        if any(parameter["name"].lower() == "idempotency-key" for parameter in operation.get("parameters", ())):
            assert "409" in declared, name


async def test_every_reference_leads_somewhere_and_no_operation_is_named_twice(openapi: dict[str, Any]) -> None:
    schemas = {f"#/components/schemas/{name}" for name in openapi["components"]["schemas"]}
    named = [operation["operationId"] for operation in operations(openapi).values()]

    examples = {f"#/components/examples/{name}" for name in openapi["components"]["examples"]}
    assert references(openapi) - {"#/$defs/"} <= schemas | examples
    assert len(named) == len(set(named))
    assert openapi["openapi"].startswith("3.1")


async def test_operations_have_names_that_read_well_in_a_generated_client(openapi: dict[str, Any]) -> None:
    named = {operation["operationId"] for operation in operations(openapi).values()}

    assert {name for name in named if not re.fullmatch("[a-z]+([A-Z][a-z]+)+", name)} == set()
    assert {
        "createJob",
        "listJobs",
        "getJob",
        "cancelJob",
        "rerunJob",
        "followJob",
        "uploadFile",
        "listModels",
    } <= named


async def test_every_answer_has_a_type_and_json_a_named_one(openapi: dict[str, Any]) -> None:
    for name, operation in operations(openapi).items():
        for status, answer in operation["responses"].items():
            for media_type, content in answer.get("content", {}).items():
                where, schema = f"{name} {status} {media_type}", content["schema"]
                if media_type.endswith("json"):
                    assert all("$ref" in choice for choice in schema.get("anyOf", [schema])), where
                else:
                    assert schema["type"] == "string", where
            has_body = status in {"200", "201", "202"}
            assert has_body is bool(answer.get("content")) or status >= "400", f"{name} {status}"


async def test_streams_are_text_and_files_are_binary(openapi: dict[str, Any]) -> None:
    stream = openapi["paths"]["/api/jobs/{code}/events"]["get"]["responses"]["200"]["content"]["text/event-stream"]
    stored = openapi["paths"]["/api/store/{key}"]["get"]["responses"]["200"]["content"]
    upload = openapi["paths"]["/api/files"]["post"]["requestBody"]["content"]["multipart/form-data"]["schema"]

    assert stream["schema"] == {"type": "string"}
    assert stored == {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
    assert upload["properties"]["file"]["format"] == "binary"


async def test_what_is_always_sent_is_required_and_what_may_be_left_out_is_not(openapi: dict[str, Any]) -> None:
    schemas = openapi["components"]["schemas"]

    for name in ("Job", "JobEvent", "Output", "File", "Points", "Entry", "CatalogueEntry", "Problem", "JobList"):
        assert set(schemas[name]["required"]) == schemas[name]["properties"].keys(), name
    assert set(schemas["JobRequest"]["required"]) == {"model_id", "params"}
    assert {"type": "null"} in schemas["Job"]["properties"]["error"]["anyOf"]


async def test_nothing_is_written_that_generators_stumble_over(openapi: dict[str, Any]) -> None:
    for schema in nodes(openapi):
        assert "nullable" not in schema, schema  # was OpenAPI 3.0
        assert schema.get("type") != "array" or "items" in schema or "prefixItems" in schema, schema
        choices = references(schema.get("oneOf"))
        assert set(schema.get("discriminator", {}).get("mapping", {}).values()) <= choices, schema
    for path, methods in openapi["paths"].items():
        for method in METHODS & methods.keys():
            declared = {p["name"] for p in methods[method].get("parameters", ()) if p["in"] == "path" and p["required"]}
            assert declared == set(re.findall(r"{(\w+)}", path)), path


async def test_statuses_have_names(openapi: dict[str, Any]) -> None:
    status = openapi["components"]["schemas"]["JobStatus"]

    assert dict(zip(status["x-enum-varnames"], status["enum"], strict=True))["SUCCESS"] == 6


async def test_routes_that_need_a_key_say_so(openapi: dict[str, Any]) -> None:
    open_to_all = {name for name, operation in operations(openapi).items() if not operation["security"]}

    assert open_to_all == {
        "get /healthz",
        "get /readyz",
        "get /metrics",
        "get /.well-known/security.txt",
        "get /api/store/{key}",
        "post /api/webhooks/{provider}/{token}",
        "post /api/sessions",  # brings the key in its body
        "delete /api/sessions",  # is for those who have a cookie, or had one
    }


async def test_handing_in_a_job_comes_with_examples(openapi: dict[str, Any]) -> None:
    body = openapi["paths"]["/api/jobs"]["post"]["requestBody"]["content"]["application/json"]

    assert body["examples"]["a link"]["value"]["model_id"] == "replicate_imageupscale_v1"

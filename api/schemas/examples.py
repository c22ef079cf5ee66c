"""An example for every JSON body and answer of the OpenAPI document, made of the examples of its fields."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

SCHEMAS: Final = "#/components/schemas/"
JSON_TYPES: Final = ("application/json", "application/problem+json")
DEEPEST: Final = 12

MOMENT: Final = "2026-11-29T12:00:00Z"
LATER: Final = "2026-11-29T12:00:42Z"
JOB: Final = "job_01M8MCM7WAEJ8SW1ND5DA0M89V"
FILE: Final = "file_01M8MCK3T5S9K7X2Q4B6W8Z0YC"
LINK: Final = "https://aijobs.example.com/api/store/outputs/01M8MCM7.png"

#: What a field of this name holds, where its schema says nothing of its own. Of several, the first that fits.
OF_FIELD: Final[Mapping[str, tuple[Any, ...]]] = {
    "actor": ("key_4218059b1a90a5cc",),
    "after": ({"points": 200},),
    "amount": ("0.0500",),
    "before": ({"points": 100},),
    "browser": ("Firefox 142 on Linux",),
    "by": ("4218059b1a90a5cc",),
    "channel": ("replicate",),
    "columns": (["item", "amount"],),
    "create_by": ("4218059b1a90a5cc",),
    "identifiers": (["order_no"],),
    "img_url": (LINK,),
    "message_id": ("01M8MCM7WAEJ8SW1ND5DA0M89V",),
    "model_code": ("imageupscale",),
    "model_desc": ("Makes a picture larger and sharper.",),
    "ori_img_url": (LINK,),
    "photo_review_analysis_code": ("photo_01M8MCM7WAEJ8SW1ND5DA0M89V",),
    "pseudonym": ("erased_01M8MCM7WAEJ8SW1ND5DA0M89V",),
    "ticket": ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhZGEifQ.c2lnbmF0dXJl",),
    "token": ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhZGEifQ.c2lnbmF0dXJl",),
    "unit_progress": (40.0, ["PROCESSING"]),
    "warnings": (["Page 3 has no text."],),
    "callback_url": ("https://shop.example.com/webhooks/aijobs",),
    "code": (JOB, "pause_01M8MCM7WAEJ8SW1ND5DA0M89V", 200),
    "comment": ({"en": "Calm light, clear subject.", "zh": "光线柔和，主体清晰。"},),
    "cost_time": (41.7,),
    "counts": ({"PROCESSING": 5, "SUCCESS": 990},),
    "create_time": (MOMENT,),
    "credential": ("replicate",),
    "currency": ("USD",),
    "data": ("eyJzdGF0dXMiOiAib2sifQ==",),
    "detail": ({"attempt": 1}, "The request is not as it should be."),
    "docs_url": ("https://replicate.com/topazlabs/image-upscale/api",),
    "en": ("Calm light, clear subject.",),
    "encoding": ("anNvbi9wbGFpbg==",),
    "endpoint_id": ("end_01M8MCM7WAEJ8SW1ND5DA0M89V",),
    "file_code": (FILE,),
    "first_data_row": (2,),
    "header_row": (1,),
    "height": (1536,),
    "id": ("hook_01M8MCM7WAEJ8SW1ND5DA0M89V", "orders"),
    "job": (JOB,),
    "job_code": (JOB,),
    "job_status": (3,),
    "job_status_desc": ("Processing",),
    "job_status_name": ("PROCESSING",),
    "key_id": ("4218059b1a90a5cc",),
    "media_type": ("image/png",),
    "message": ("The vendor has refused the picture.",),
    "metadata": ({"order": "4711"},),
    "model": ("topazlabs/image-upscale",),
    "model_id": ("replicate_imageupscale_v1",),
    "model_name": ("Image upscale",),
    "model_version": ("1.0",),
    "name": ("orders",),
    "output_count": (1,),
    "out_id": ("gm3qorzdhgbfurvjtvhg6dckhu",),
    "overall_progress": (62.0,),
    "params": ({"image": FILE, "upscale_factor": "4x"},),
    "platform": ("Replicate",),
    "pointer": ("/params/upscale_factor",),
    "prompt": ("Read the order into a table.",),
    "provider": ("replicate",),
    "quote": ("Total 1,250.00",),
    "reason": ("The customer has changed their mind.",),
    "request_id": ("req_01M8MCM7WAEJ8SW1ND5DA0M89V",),
    "secret": ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",),
    "session": ("4218059b1a90",),
    "sha256": ("9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",),
    "size": (2_481_152,),
    "template_id": ("orders",),
    "text": ("Total 1,250.00",),
    "title": ("Not found",),
    "total": (1000,),
    "type": ("image",),
    "url": (LINK,),
    "user": ("ada",),
    "user_id": ("ada",),
    "values": ({"item": "Lamp", "amount": 1250},),
    "why": ("not on their bill",),
    "width": (2048,),
    "written": ("1.250,00",),
    "zh": ("光线柔和，主体清晰。",),
}

#: Where a name alone would mislead: by the schema and its field.
OF_SCHEMA: Final[Mapping[tuple[str, str], Any]] = {
    ("AuditEntry", "target"): JOB,
    ("BeautifiedPhoto", "code"): "photo_01M8MCM7WAEJ8SW1ND5DA0M89V",
    ("CatalogueEntry", "source"): None,
    ("Credential", "reason"): "Too many requests.",
    ("File", "name"): "photo.jpg",
    ("Health", "status"): "ok",
    ("Hold", "reason"): "Case 17",
    ("HoldRequest", "reason"): "Case 17",
    ("ItemError", "code"): "provider_rejected",
    ("JobError", "code"): "provider_rejected",
    ("KeyInfo", "name"): "the shop's backend",
    ("KeyRequest", "name"): "the shop's backend",
    ("NewKey", "name"): "the shop's backend",
    ("Pause", "reason"): "Their status page is red.",
    ("PauseRequest", "reason"): "Their status page is red.",
    ("PhotoReview", "name"): "photo.jpg",
    ("PhotoReviewWithJobs", "name"): "photo.jpg",
    ("Problem", "code"): "invalid_parameters",
    ("Problem", "title"): "Invalid parameters",
    ("Problem", "type"): "https://aijobs.example.com/problems/invalid_parameters",
    ("Problem", "detail"): "The request is not as it should be.",
    ("Problem", "status"): 422,
    ("FieldProblem", "message"): "Input should be 2x, 4x or 6x.",
    ("TemplateRows", "source"): JOB,
    ("TemplateRowsWithSources", "source"): JOB,
    ("Waiting", "message"): "17th in the line of this vendor.",
}

#: Names of moments, and of those that come after the others.
MOMENTS: Final = re.compile(r"(_at|_time|_until|_end|_start)$|^(since|until|at)$")
LATE: Final = re.compile(r"^(ended_at|until|update_time|expires_at|resp_time|estimated_end|gives_up_at|revoked_at)$")


def add_examples(openapi: dict[str, Any]) -> None:
    """Give each JSON body and answer an example where it has none. Those of schemas with names are written once."""
    composer = _Composer(openapi["components"]["schemas"])
    shared = openapi["components"].setdefault("examples", {})
    for content in _json_contents(openapi):
        if {"example", "examples"} & content.keys():
            continue
        schema = content["schema"]
        if "$ref" not in schema:
            content["example"] = composer.example(schema)
            continue
        name = schema["$ref"].removeprefix(SCHEMAS)
        shared.setdefault(name, {"value": composer.example(schema)})
        content["examples"] = {"example": {"$ref": f"#/components/examples/{name}"}}


def example_of(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Any:
    """A value that the schema allows, whose references lead to `schemas`."""
    return _Composer(schemas).example(schema)


def _json_contents(openapi: dict[str, Any]) -> Iterator[dict[str, Any]]:
    operations = (operation for path in openapi["paths"].values() for operation in path.values())
    for operation in operations:
        for body in (operation.get("requestBody", {}), *operation["responses"].values()):
            yield from (content for kind, content in body.get("content", {}).items() if kind in JSON_TYPES)


class _Composer:
    def __init__(self, schemas: Mapping[str, Any]) -> None:
        self._schemas = schemas

    def example(self, schema: Mapping[str, Any], name: str = "", depth: int = 0) -> Any:
        """A value that the schema allows. `name` is the field's."""
        of_schema = schema.get("$ref", "").removeprefix(SCHEMAS)
        schema = self._resolved(schema)
        said = [*schema.get("examples", ()), *(schema[key] for key in ("example", "const") if key in schema)]
        if said:
            return said[0]
        if choices := schema.get("anyOf") or schema.get("oneOf"):
            return self._of_choices(choices, name, depth)
        if (named := _named(name, schema)) is not None:
            return named
        return schema["enum"][0] if "enum" in schema else self._of_type(schema, name, depth, of_schema)

    def _of_type(self, schema: Mapping[str, Any], name: str, depth: int, of_schema: str) -> Any:
        match schema.get("type"):
            case "object":
                return self._of_object(schema, depth, of_schema)
            case "array":
                is_empty = depth >= DEEPEST or "items" not in schema
                return [] if is_empty else [self.example(schema["items"], name, depth + 1)] * schema.get("minItems", 1)
            case "string":
                return _text(schema, name)
            case "integer" | "number" as kind:
                return _number(schema, is_whole=kind == "integer")
            case "boolean":
                return schema.get("default", False)
        return schema.get("default")

    def _resolved(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        """What stands beside a reference comes over what it leads to."""
        while "$ref" in schema:
            beside = {key: value for key, value in schema.items() if key != "$ref"}
            schema = {**self._schemas[schema["$ref"].removeprefix(SCHEMAS)], **beside}
        return schema

    def _of_choices(self, choices: list[Mapping[str, Any]], name: str, depth: int) -> Any:
        """Of the first that is not null, unless this goes too deep."""
        resolved = [self._resolved(choice) for choice in choices]
        is_deep = depth >= DEEPEST and any(choice.get("type") == "null" for choice in resolved)
        worth = [choice for choice in resolved if choice.get("type") != "null"]
        for choice in worth:
            if (named := _named(name, choice)) is not None:
                return named
        is_said = not worth or worth[0].get("type") != "string" or MOMENTS.search(name) or "enum" in worth[0]
        if is_deep or not worth or not (is_said or len(worth) == len(resolved)):
            return None
        original = choices[resolved.index(worth[0])]
        return self.example(original, name, depth)

    def _of_object(self, schema: Mapping[str, Any], depth: int, of_schema: str) -> dict[str, Any]:
        fields = schema.get("properties", {})
        required = schema.get("required", ())
        shown = [field for field in fields if field in required or depth < DEEPEST]
        return {
            field: OF_SCHEMA[of_schema, field]
            if (of_schema, field) in OF_SCHEMA
            else self.example(fields[field], field, depth + 1)
            for field in shown
        }


def _named(name: str, schema: Mapping[str, Any]) -> Any:
    """What a field of this name holds, if its schema takes that; else None."""
    candidates = OF_FIELD.get(name, ())
    return next((value for value in candidates if _fits(value, schema)), None)


_TYPES: Final[Mapping[str, type | tuple[type, ...]]] = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "object": dict,
    "array": list,
}


def _fits(value: Any, schema: Mapping[str, Any]) -> bool:
    expected = _TYPES.get(schema.get("type", ""))
    if expected is None or not isinstance(value, expected):
        return False
    if schema.get("properties") or (isinstance(value, list) and schema.get("items", {}).get("type") != "string"):
        return False
    is_listed = "enum" not in schema or value in schema["enum"]
    return is_listed and ("pattern" not in schema or re.search(schema["pattern"], str(value)) is not None)


#: By the format of a text.
_OF_FORMAT: Final[Mapping[str, str]] = {
    "date-time": MOMENT,
    "date": "2026-11-29",
    "duration": "P30D",
    "uri": LINK,
    "base64": "eyJzdGF0dXMiOiAib2sifQ==",
    "binary": "",
}


def _text(schema: Mapping[str, Any], name: str) -> str:
    if isinstance(schema.get("default"), str):
        return str(schema["default"])
    if "format" not in schema and MOMENTS.search(name):
        return LATER if LATE.search(name) else MOMENT
    return _OF_FORMAT.get(schema.get("format", ""), "…")


def _number(schema: Mapping[str, Any], *, is_whole: bool) -> float:
    default = schema.get("default")
    if isinstance(default, int | float):
        return default
    least = schema.get("minimum", schema.get("exclusiveMinimum", 0) + 1)
    value = max(least, 1)
    most = schema.get("maximum")
    value = value if most is None else min(value, most)
    return int(value) if is_whole else float(value)

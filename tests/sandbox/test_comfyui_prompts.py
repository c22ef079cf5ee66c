"""Prompts that the real ComfyUI refuses before it queues them are refused here, too, and by the same words."""

import copy
import json
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from aijobs.providers.comfyui.workflow import SAMPLES
from sandbox.server import RunningSandbox

GRAPH: Final = json.loads((Path(SAMPLES) / "text_to_image.json").read_text("utf-8"))
GRAPH["6"]["inputs"]["text"] = "a lighthouse"


async def sent(sandbox: RunningSandbox, graph: dict[str, Any]) -> httpx.Response:
    async with httpx.AsyncClient(base_url=f"{sandbox.url}/comfyui", trust_env=False) as http:
        return await http.post("/prompt", json={"prompt": graph})


@pytest.mark.parametrize(
    ("node", "name", "value", "error"),
    [
        ("5", "width", "wide", "invalid_input_type"),
        ("5", "width", None, "invalid_input_type"),
        ("5", "width", 8, "value_smaller_than_min"),
        ("5", "width", "8", "value_smaller_than_min"),
        ("3", "cfg", [1, 2, 3], "invalid_input_type"),
        ("3", "sampler_name", "nobodys", "value_not_in_list"),
        ("3", "model", ["77", 0], "exception_during_inner_validation"),
    ],
)
async def test_a_wrong_input_is_named(sandbox: RunningSandbox, node: str, name: str, value: Any, error: str) -> None:
    graph = copy.deepcopy(GRAPH)
    graph[node]["inputs"][name] = value

    answer = await sent(sandbox, graph)

    assert answer.status_code == 400
    assert [one["type"] for one in answer.json()["node_errors"][node]["errors"]] == [error]
    assert sandbox.ledger() == []


async def test_a_number_may_be_written_as_a_text(sandbox: RunningSandbox) -> None:
    graph = copy.deepcopy(GRAPH)
    graph["5"]["inputs"] |= {"width": "64", "height": 64.0}

    assert (await sent(sandbox, graph)).status_code == 200

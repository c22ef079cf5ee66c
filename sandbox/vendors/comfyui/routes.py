"""ComfyUI's HTTP API, below `/comfyui`."""

import mimetypes
import re
import uuid
from collections.abc import Mapping
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.datastructures import UploadFile
from starlette.responses import JSONResponse, Response

from sandbox.call import Refusal, VendorCall
from sandbox.clock import now_ns
from sandbox.context import vendor_call
from sandbox.faults.catalogue import Fault, Operation
from sandbox.ids_and_links import new_id
from sandbox.tasks.task import SimulatedTask, TaskStatus
from sandbox.vendors.comfyui.nodes import INPUTS, Wrong, object_info, wrong_inputs
from sandbox.vendors.comfyui.prompts import ComfyService, entry_of, item_of, service_of

UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Node(BaseModel):
    """A node of a graph."""

    model_config = ConfigDict(extra="ignore")

    class_type: str
    inputs: dict[str, Any]


class PromptRequest(BaseModel):
    """The body of a prompt."""

    model_config = ConfigDict(extra="ignore")

    prompt: dict[str, Node]
    prompt_id: str | None = None
    client_id: str | None = None


def error_response(status: int, headers: Mapping[str, str], error: dict[str, Any] | None = None) -> Response:
    error = error or {"type": f"http_{status}", "message": "It cannot be done.", "details": "", "extra_info": {}}
    return JSONResponse({"error": error, "node_errors": {}}, status, headers)


router = APIRouter(prefix="/comfyui")
Service = Annotated[ComfyService, Depends(service_of)]
CreateCall = Annotated[VendorCall, Depends(vendor_call(Operation.CREATE, error_response))]
LookUpCall = Annotated[VendorCall, Depends(vendor_call(Operation.LIST, error_response))]
CancelCall = Annotated[VendorCall, Depends(vendor_call(Operation.CANCEL, error_response))]
FileCall = Annotated[VendorCall, Depends(vendor_call(Operation.FILES, error_response))]
OtherCall = Annotated[VendorCall, Depends(vendor_call(Operation.OTHER, error_response))]


@router.post("/prompt")
async def prompt(request: Request, call: CreateCall, service: Service) -> Response:
    """The same id twice is two prompts."""
    body = _checked(await request.body(), service)
    await call.raise_if_refused()
    prompt_id = body.prompt_id or str(uuid.uuid4())
    number = float(len(list(service.tasks)))
    graph = {key: node.model_dump() for key, node in body.prompt.items()}
    task = SimulatedTask(
        id=new_id(),
        account="",
        model="workflow",
        request={"prompt": graph, "prompt_id": prompt_id, "client_id": body.client_id, "number": number},
        created_ns=now_ns(),
        correlation=body.client_id,
    )
    service.tasks.accept(task, call.lasting_faults)
    answer = {"prompt_id": prompt_id, "number": number, "node_errors": {}}
    return await call.answer({} if Fault.NO_ID in call.faults else answer)


@router.get("/queue")
async def queue(call: LookUpCall, service: Service) -> Response:
    await call.raise_if_refused()
    shown = [task for task in service.tasks if not call.hides(task.created_ns)]
    running = [item_of(task) for task in shown if task.status is TaskStatus.WORKING]
    pending = [item_of(task) for task in shown if task.status is TaskStatus.QUEUED]
    return await call.answer({"queue_running": running, "queue_pending": pending})


@router.get("/history")
async def history(call: LookUpCall, service: Service, max_items: int = 10_000) -> Response:
    await call.raise_if_refused()
    ended = [task for task in service.tasks if task.status.is_final and not call.hides(task.created_ns)][-max_items:]
    return await call.answer({task.request["prompt_id"]: entry_of(task, service.tasks) for task in ended})


@router.get("/history/{prompt_id}")
async def history_of(call: LookUpCall, service: Service, prompt_id: str) -> Response:
    await call.raise_if_refused()
    task = service.find(prompt_id)
    if task is None or not task.status.is_final or task.started_ns is None or call.hides(task.created_ns):
        return await call.answer({})
    return await call.answer({prompt_id: entry_of(task, service.tasks)})


@router.post("/queue")
async def change_queue(request: Request, call: CancelCall, service: Service) -> Response:
    """What is taken out of the queue leaves no trace."""
    await call.raise_if_refused()
    for prompt_id in (await request.json()).get("delete", []):
        task = service.find(prompt_id)
        if task is not None and task.status is TaskStatus.QUEUED and Fault.CANCEL_IGNORED not in call.faults:
            service.tasks.cancel(task)
    return await call.send(Response())


@router.post("/interrupt")
async def interrupt(request: Request, call: CancelCall, service: Service) -> Response:
    """Without an id, whatever runs is stopped."""
    await call.raise_if_refused()
    wanted = (await request.json()).get("prompt_id")
    for task in service.tasks:
        if task.status is TaskStatus.WORKING and wanted in (None, task.request["prompt_id"]):
            service.tasks.cancel(task)
    return await call.send(Response())


@router.get("/view")
async def view(call: FileCall, service: Service, filename: str) -> Response:
    await call.raise_if_refused()
    content = service.file(filename)
    media_type = mimetypes.guess_type(filename)[0] or "application/octet-stream"
    return Response(content, media_type=media_type) if content is not None else Response(status_code=404)


@router.post("/upload/image")
async def upload(request: Request, call: FileCall, service: Service) -> Response:
    await call.raise_if_refused()
    async with request.form(max_files=1, max_fields=5) as form:
        image, subfolder = form.get("image"), str(form.get("subfolder") or "")
        if not isinstance(image, UploadFile) or not image.filename:
            return Response(status_code=400)
        service.keep_input(f"{subfolder}/{image.filename}".lstrip("/"), await image.read())
        return await call.answer({"name": image.filename, "subfolder": subfolder, "type": "input"})


@router.get("/object_info/{kind}")
async def node_info(call: OtherCall, kind: str) -> Response:
    await call.raise_if_refused()
    return await call.answer(object_info(kind))


@router.get("/system_stats")
async def system_stats(call: OtherCall) -> Response:
    await call.raise_if_refused()
    return await call.answer({"system": {"comfyui_version": "0.3.76", "argv": ["main.py"]}, "devices": []})


def _checked(body: bytes, service: ComfyService) -> PromptRequest:
    """Raises Refusal (400)."""
    try:
        sent = PromptRequest.model_validate_json(body)
    except ValidationError as invalid:
        raise _refusal("invalid_prompt", str(invalid)) from None
    if sent.prompt_id is not None and not UUID.fullmatch(sent.prompt_id):
        raise _refusal("invalid_prompt_id", "prompt_id must be a canonical UUID")
    for key, node in sent.prompt.items():
        if node.class_type not in INPUTS:
            raise _refusal("missing_node_type", f"Node '{node.class_type}' not found.", f"Node ID '#{key}'")
    graph = {key: node.model_dump() for key, node in sent.prompt.items()}
    if not any(node.class_type == "SaveImage" for node in sent.prompt.values()):
        raise _refusal("prompt_no_outputs", "Prompt has no outputs")
    if wrong := list(wrong_inputs(graph, service.has_input)):
        raise Refusal(JSONResponse(_invalid(wrong, graph), 400))
    return sent


def _refusal(kind: str, message: str, details: str = "") -> Refusal:
    return Refusal(error_response(400, {}, {"type": kind, "message": message, "details": details, "extra_info": {}}))


def _invalid(wrong: list[Wrong], graph: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    nodes: dict[str, Any] = {}
    for one in wrong:
        node = nodes.setdefault(one.node, {"errors": [], "class_type": graph[one.node]["class_type"]})
        node["errors"].append({"type": one.type, "message": one.message, "details": one.details, "extra_info": {}})
    error = {
        "type": "prompt_outputs_failed_validation",
        "message": "Prompt outputs failed validation",
        "details": "",
        "extra_info": {},
    }
    return {"error": error, "node_errors": nodes}

"""Templates, and documents to upload for them."""

from typing import Any

import httpx

from tests.api.installation import ApiUnderTest

CONTRACT: dict[str, Any] = {
    "name": "合同",
    "prompt": "你是助理。\n阶段1 读\n阶段2 写JSON",
    "columns": [{"name": "甲方", "required": True}, {"name": "金额", "type": "number"}],
}

ORDERS: dict[str, Any] = {
    "name": "Orders",
    "prompt": "You are careful.\n阶段1 read\n阶段2 write JSON",
    "columns": [{"name": "订单号", "required": True}, {"name": "金额", "type": "number"}],
}


async def saved(api: ApiUnderTest, template_id: str, **change: Any) -> httpx.Response:
    return await api.http.put(f"/api/templates/{template_id}", json={**CONTRACT, **change})


async def sent(
    api: ApiUnderTest,
    content: bytes,
    name: str,
    *,
    template: str = "contract",
    user: str = "ada",
    key: str = "",
    **fields: str,
) -> httpx.Response:
    """An upload for a template, under an idempotency key if one is given."""
    return await api.http.post(
        "/api/template/upload-template",
        files={"file": (name, content)},
        data={"templateId": template, **fields},
        headers={"Aijobs-User": user, **({"Idempotency-Key": key} if key else {})},
    )

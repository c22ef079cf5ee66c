"""A real cog server behind the whole stack: its pictures come by webhooks alone, and it has no queue of its own."""

import asyncio
from pathlib import Path

from tests.providers.cog.server import needs_cog, running_cog
from tests.stories.stack import running_stack

pytestmark = needs_cog


async def test_two_pictures_from_a_server_that_paints_one_at_a_time(tmp_path: Path) -> None:
    async with running_cog(tmp_path / "cog") as url:
        settings = {"AIJOBS_COG__TOKEN": "none", "AIJOBS_COG__SERVERS": f'{{"painter": "{url}"}}'}
        async with running_stack(tmp_path / "stack", public=True, settings=settings) as stack:
            added = await stack.api.post("/api/models", json={"source": "cog:painter", "output_kind": "image"})
            model = added.json()["model_id"]
            params = {"prompt": "a lighthouse", "width": 96, "seconds": 1}
            order = {"model_id": model, "params": params, "user_id": "ada"}
            jobs = [await stack.api.post("/api/jobs", json=order) for _ in range(2)]
            codes = [job.json()["code"] for job in jobs]

            statuses = await asyncio.gather(*(stack.statuses(code) for code in codes))
            outputs = [(await stack.job(code))["outputs"] for code in codes]

    assert model == "cog_painter_v1"
    assert [trail[-1] for trail in statuses] == ["SUCCESS", "SUCCESS"]
    assert [[(one["media_type"], one["width"]) for one in made] for made in outputs] == [[("image/png", 96)]] * 2

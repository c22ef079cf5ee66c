"""The Health page of a running installation knows its processes, the room on their disks, and when repair last ran."""

import asyncio
import re

from tests.stories.stack import TIMEOUT, StoryStack


async def test_processes_tell_of_their_hosts_and_repair_of_its_runs(stack: StoryStack) -> None:
    async with asyncio.timeout(TIMEOUT):
        while "never" in (fact := fact_of(page := (await stack.api.get("/health")).text, "Last repair run")):
            await asyncio.sleep(0.2)

    rows = re.findall(r"<tr>\s*<th scope=\"row\">(API|Worker).*?</tr>", page, re.DOTALL)
    rooms = re.findall(r"<span title=\"[^\"]+\">(data|temp) [\d.,]+ [KMGT]?B</span>", page)
    assert "<time" in fact
    assert sorted(set(rows)) == ["API", "Worker"]
    assert rooms.count("data") == rooms.count("temp") == len(rows)
    assert 'data-kind="certificate' not in page
    assert fact_of(page, "Longest wait for a worker")


def fact_of(page: str, name: str) -> str:
    [fact] = re.findall(rf"<dt>{name}</dt><dd>(.*?)</dd>", page, re.DOTALL)
    return str(fact)

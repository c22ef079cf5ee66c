"""Tracebacks in the log: where each exception was raised, those of a group too, and none of their words."""

import json
import subprocess
import sys
from typing import Final

SCRIPT: Final = """
import asyncio
import structlog
from aijobs.logs.pipeline import write_log
from aijobs.logs.settings import LogFormat, LogSettings

async def fails(error):
    raise error("a prompt")

async def together():
    async with asyncio.TaskGroup() as group:
        group.create_task(fails(KeyError))
        group.create_task(fails(OSError))

write_log(LogSettings(format=LogFormat.JSON), harmless=str)
try:
    asyncio.run(together())
except ExceptionGroup:
    structlog.get_logger("aijobs").exception("failed")
"""


def test_a_group_of_exceptions_says_where_each_was_raised() -> None:
    ran = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)

    line = json.loads(ran.stdout)
    assert line["event"] == "failed"
    assert "KeyError at <string>:8 fails" in line["exception"]
    assert "OSError at <string>:8 fails" in line["exception"]
    assert "prompt" not in ran.stdout

"""The real Prometheus with our rules, in haste: it reads every second, and an hour of a rule is a minute of a test."""

import asyncio
import json
import re
import urllib.parse
import urllib.request
from collections.abc import AsyncIterator, Set
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import yaml

from cli.embedded.ports import HOST, free_port

ROOT: Final = Path(__file__).parents[2]
ALERTS: Final = ROOT / "deploy/prometheus/alerts.yml"
TIMEOUT: Final = 60.0

HASTE: Final = 60  #: so many seconds of a rule are one of a test
SHORTEST: Final = 10  #: seconds of a window: with fewer, a scrape that comes late leaves nothing to count
SECONDS_OF: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def hastened(rules: str) -> str:
    """The same rules, for a test of a minute. What is measured and compared stays the same; only time is shortened.

    Windows (`[30m]`) and ages (`time() - … > 300`) are 60 times shorter, windows at least ten seconds. `for:` is left
    out: how long each alert waits is tested by promtool, with the rules as they are.
    """
    without_waits = re.sub(r"^ +for: .*\n", "", rules, flags=re.MULTILINE)
    windows = re.sub(r"\[(\d+)([smhd])\]", lambda found: f"[{_shorter(*found.groups())}s]", without_waits)
    return re.sub(r"(time\(\) - [^\n]* > )(\d+)", lambda age: f"{age[1]}{int(age[2]) // HASTE}", windows)


def _shorter(count: str, unit: str) -> int:
    return max(int(count) * SECONDS_OF[unit] // HASTE, SHORTEST)


def get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=5) as answer:
        return answer.read().decode()  # type: ignore[no-any-return]


class Prometheus:
    """A running one."""

    def __init__(self, url: str) -> None:
        self._url = url

    async def firing(self) -> dict[str, dict[str, str]]:
        """Labels of the alerts that fire, by their name."""
        found = json.loads(await asyncio.to_thread(get, f"{self._url}/api/v1/alerts"))["data"]["alerts"]
        return {one["labels"]["alertname"]: one["labels"] for one in found if one["state"] == "firing"}

    async def until_firing(self, name: str) -> dict[str, str]:
        """Raises TimeoutError that says what fires instead."""
        return (await self.until_all_fire({name}))[name]

    async def until_all_fire(self, names: Set[str]) -> dict[str, dict[str, str]]:
        """Until each of them has fired, at whatever moment; their labels. Raises TimeoutError that names the others."""
        seen: dict[str, dict[str, str]] = {}
        try:
            async with asyncio.timeout(TIMEOUT):
                while not names <= seen.keys():
                    seen = await self.firing() | seen
                    await asyncio.sleep(0.3)
        except TimeoutError:
            raise TimeoutError(f"{names - seen.keys()} did not fire; {sorted(seen)} did") from None
        return seen

    async def until_quiet(self, names: Set[str]) -> None:
        """Until none of them fires. Raises TimeoutError that names those which still do."""
        still: Set[str] = names
        try:
            async with asyncio.timeout(TIMEOUT):
                while still := names & (await self.firing()).keys():
                    await asyncio.sleep(0.3)
        except TimeoutError:
            raise TimeoutError(f"{sorted(still)} still fire") from None

    async def query(self, expression: str) -> list[dict[str, Any]]:
        """The series that it has now: `metric` and `value`."""
        question = urllib.parse.urlencode({"query": expression})
        answer = await asyncio.to_thread(get, f"{self._url}/api/v1/query?{question}")
        found: list[dict[str, Any]] = json.loads(answer)["data"]["result"]
        return found


@asynccontextmanager
async def prometheus(folder: Path, **targets: str) -> AsyncIterator[Prometheus]:
    """The real one, with our rules in haste, which reads these addresses every second."""
    jobs = [{"job_name": name.replace("_", "-"), "static_configs": [{"targets": [at]}]} for name, at in targets.items()]
    config = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": ["alerts.yml"],
        "scrape_configs": jobs,
    }
    folder.mkdir()
    (folder / "alerts.yml").write_text(hastened(ALERTS.read_text()))
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    port = free_port()
    options = (f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data")
    process = await asyncio.create_subprocess_exec(
        "prometheus", *options, f"--web.listen-address={HOST}:{port}", "--log.level=error"
    )
    try:
        yield Prometheus(await ready(f"http://{HOST}:{port}"))
    finally:
        process.terminate()
        await process.wait()


async def ready(url: str, path: str = "/-/ready") -> str:
    """The address, once it answers there."""
    async with asyncio.timeout(60):
        while True:
            try:
                await asyncio.to_thread(get, f"{url}{path}")
            except OSError:
                await asyncio.sleep(0.2)
            else:
                return url

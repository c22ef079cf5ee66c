"""The TypeScript client by itself: its own tests, its declared types, and what is in the package."""

import asyncio
import json
import subprocess
from pathlib import Path

from tests.api.installation import ApiUnderTest
from tests.clients.typescript.packages import CLIENT, needs_node, npm

pytestmark = needs_node

#: Types of ours, and the schemas of the API that they describe.
DESCRIBED = ("Job", "JobEvent", "Output", "Waiting", "Estimate", "Points", "Ticket")

CHECK = """
import type * as ours from "{client}/src/types.js";
import type {{ components }} from "./openapi.js";

/** Whether what the API sends is what our type says. */
type Fits<Sent, Ours> = Sent extends Ours ? true : {{ sent: Sent; ours: Ours }};
{lines}
"""


async def test_its_own_tests_pass() -> None:
    printed = await asyncio.to_thread(npm, "test")

    assert "# fail 0" in printed, printed
    assert "# pass 0" not in printed, printed


async def test_the_types_are_those_of_the_api(api: ApiUnderTest, tmp_path: Path) -> None:
    (tmp_path / "openapi.json").write_bytes((await api.http.get("/openapi.json")).content)
    lines = [f'export const {name}: Fits<components["schemas"]["{name}"], ours.{name}> = true;' for name in DESCRIBED]
    lines.append('export const UploadedFile: Fits<components["schemas"]["File"], ours.UploadedFile> = true;')
    (tmp_path / "check.ts").write_text(CHECK.format(client=CLIENT, lines="\n".join(lines)))
    tools = CLIENT / "node_modules" / ".bin"

    def checked() -> subprocess.CompletedProcess[str]:
        subprocess.run(
            [tools / "openapi-typescript", "openapi.json", "-o", "openapi.d.ts", "--default-non-nullable=false"],
            cwd=tmp_path,
            check=True,
            capture_output=True,
        )
        options = ("--noEmit", "--strict", "--module", "nodenext", "--target", "es2022", "--skipLibCheck")
        return subprocess.run(
            [tools / "tsc", *options, "check.ts"], cwd=tmp_path, capture_output=True, text=True, check=False
        )

    result = await asyncio.to_thread(checked)

    assert result.returncode == 0, result.stdout


async def test_the_package_has_no_dependencies_and_no_tests() -> None:
    packed = json.loads(await asyncio.to_thread(npm, "pack", "--dry-run", "--json"))
    package = packed[0] if isinstance(packed, list) else next(iter(packed.values()))
    files = {file["path"] for file in package["files"]}

    assert {"dist/index.js", "dist/index.d.ts", "dist/react.js", "README.md", "package.json"} <= files
    assert [file for file in files if file.startswith(("test", "example", "build", "node_modules"))] == []
    assert "dependencies" not in json.loads((CLIENT / "package.json").read_text("utf-8"))

"""A real cog server with a small model. `python -m tests.providers.cog.server` installs it, beside our environment.

Where it cannot be installed, the tests that need it are skipped and say so.
"""

import json
import os
import shlex
import subprocess
import sys
import venv
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import httpx
import pytest

from cli.embedded.ports import free_port
from cli.embedded.processes import ProcessSpec, running
from tests.patience import http_client

ENVIRONMENT: Final = Path(sys.prefix) / "cog-server"
LOCK: Final = Path(__file__).parents[3] / "requirements" / "cog.lock"
PROGRAM: Final = ENVIRONMENT / "bin" / "python"
INSTALLED: Final = ENVIRONMENT / "installed"

needs_cog: Final = pytest.mark.skipif(not INSTALLED.exists(), reason="no cog server: make .venv/cog")

MODEL: Final = """
import tempfile
import time

from cog import BasePredictor, Input, Path
from PIL import Image, ImageDraw


class Predictor(BasePredictor):
    def predict(self, prompt: str = Input(), width: int = Input(default=64), seconds: float = Input(default=0)) -> Path:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            time.sleep(0.01)
        if prompt == "fail":
            raise ValueError("no such colour")
        picture = Image.new("RGB", (width, width), "navy")
        ImageDraw.Draw(picture).text((2, 2), prompt, fill="white")
        file = f"{tempfile.mkdtemp()}/out.png"
        picture.save(file)
        return Path(file)
"""

#: What `cog build` would write of it.
SCHEMA: Final = {
    "openapi": "3.0.2",
    "info": {"title": "Cog", "version": "0.1.0"},
    "paths": {
        "/predictions": {
            "post": {
                "requestBody": {
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/PredictionRequest"}}}
                },
                "responses": {"200": {"description": "ok"}},
            }
        }
    },
    "components": {
        "schemas": {
            "Input": {
                "type": "object",
                "required": ["prompt"],
                "properties": {
                    "prompt": {"type": "string", "description": "What to write on it.", "x-order": 0},
                    "width": {"type": "integer", "default": 64, "minimum": 16, "maximum": 512, "x-order": 1},
                    "seconds": {"type": "number", "default": 0, "minimum": 0, "maximum": 60, "x-order": 2},
                },
            },
            "Output": {"type": "string", "format": "uri"},
        }
    },
}


@asynccontextmanager
async def running_cog(folder: Path, *, port: int | None = None) -> AsyncIterator[str]:
    """Serve the model until the context ends; its base URL. Raises CommandError when it does not come up."""
    (folder / ".cog").mkdir(parents=True, exist_ok=True)
    (folder / ".cog" / "openapi_schema.json").write_text(json.dumps(SCHEMA))
    (folder / "predict.py").write_text(MODEL)
    port = port or free_port()
    url = f"http://127.0.0.1:{port}"
    spec = ProcessSpec(
        name="cog",
        command=("/bin/sh", "-c", f"cd {shlex.quote(str(folder))} && exec python -m cog.server.http --host 127.0.0.1"),
        environment={
            "PATH": f"{PROGRAM.parent}{os.pathsep}{os.environ['PATH']}",  # where it looks for its worker's Python
            "PORT": str(port),
            "COG_PREDICT_TYPE_STUB": "predict.py:Predictor",
        },
        log=folder / "cog.log",
    )

    async def is_ready() -> bool:
        async with http_client() as http:
            try:
                return bool((await http.get(f"{url}/health-check")).json()["status"] == "READY")
            except httpx.TransportError:
                return False

    async with running(spec, is_ready=is_ready):
        yield url


def install() -> None:
    venv.create(ENVIRONMENT, with_pip=True, clear=True)
    pip = (str(PROGRAM), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes")
    subprocess.run((*pip, "-r", str(LOCK)), check=True)
    INSTALLED.touch()


if __name__ == "__main__":
    try:
        install()
    except (OSError, subprocess.CalledProcessError) as failed:
        sys.stderr.write(f"Not installed: a cog server ({failed}). Its tests will be skipped.\n")

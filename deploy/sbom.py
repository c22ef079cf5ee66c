"""Writes the software bill of materials of the image, in CycloneDX 1.6: `python deploy/sbom.py build/sbom.cdx.json`.

The Python packages are those of the lock file that the image installs, with their hashes; the scripts and styles that
the dashboard ships are those of its manifest; the base images are those of the Dockerfile and of the Compose file.
"""

import base64
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
LOCK = ROOT / "requirements" / "runtime.lock"
VENDORED = ROOT / "dashboard" / "static" / "vendor"
IMAGES = {
    ROOT / "deploy" / "Dockerfile": r"^FROM (\S+)",
    ROOT / "deploy" / "s3" / "Dockerfile": r"^FROM (\S+)",
    ROOT / "docker-compose.yml": r"^\s+image: (\S+/\S+|\w+):(?!\$)\S+",
}
OURS = "aijobs"

Component = dict[str, Any]


def bill() -> dict[str, Any]:
    """The whole document."""
    command = ("cyclonedx-py", "requirements", "--pyproject", str(ROOT / "pyproject.toml"), "--spec-version", "1.6")
    program = Path(sys.executable).with_name(command[0])
    written = subprocess.run(  # noqa: S603
        [str(program), *command[1:], "--output-reproducible", str(LOCK)], check=True, capture_output=True, text=True
    )
    document: dict[str, Any] = json.loads(written.stdout)
    document["components"] += [*scripts(), *images()]
    return document


def scripts() -> Iterator[Component]:
    """One for each package of the dashboard's manifest; its files have hashes."""
    packages: dict[tuple[str, str], list[dict[str, str]]] = {}
    for entry in json.loads((VENDORED / "manifest.json").read_text("utf-8")):
        packages.setdefault((entry["package"], entry["version"]), []).append(entry)
    for (name, version), files in packages.items():
        purl = f"pkg:npm/{name}@{version}"
        yield {
            "type": "library",
            "bom-ref": purl,
            "name": name,
            "version": version,
            "purl": purl,
            "licenses": [{"license": {"id": files[0]["licence"]}}],
            "components": [
                {
                    "type": "file",
                    "bom-ref": f"{purl}#{entry['file']}",
                    "name": entry["file"],
                    "hashes": [{"alg": "SHA-384", "content": base64.b64decode(entry["sha384"]).hex()}],
                }
                for entry in files
            ],
        }


def images() -> Iterator[Component]:
    """The base images of our own, and the images that stand beside them."""
    for reference in sorted(set(image_references())):
        name, _, digest = reference.partition("@")
        name, _, tag = name.rpartition(":")
        component = {"type": "container", "bom-ref": f"image:{reference}", "name": name, "version": tag}
        yield component | (
            {"hashes": [{"alg": "SHA-256", "content": digest.removeprefix("sha256:")}]} if digest else {}
        )


def image_references() -> Iterator[str]:
    for path, pattern in IMAGES.items():
        for line in path.read_text("utf-8").splitlines():
            if re.match(pattern, line):
                yield line.split()[1]


def main() -> None:
    target = Path(sys.argv[1])
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(bill(), indent=1, ensure_ascii=False) + "\n", "utf-8")


if __name__ == "__main__":
    main()

"""Pins the images that we build on and run beside: each tag gets the digest that the registry has for it today.

`python deploy/pin_images.py` asks `docker buildx imagetools` and writes `tag@sha256:…` into the Dockerfiles and the
Compose files. It needs Docker and a registry that can be reached. `--check` writes nothing, and fails where one is not
pinned.
"""

import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
FILES = (
    "deploy/Dockerfile",
    "deploy/s3/Dockerfile",
    "docker-compose.yml",
)

#: `FROM name:tag` and `image: name:tag`, with or without a digest. Our own images have a variable for a tag.
REFERENCE = re.compile(
    r"^(?P<before>FROM |\s+image: )(?P<tag>[\w./-]+:[\w.-]+)(?P<digest>@sha256:[0-9a-f]{64})?$", re.MULTILINE
)

Resolve = Callable[[str], str]


def registrys_digest(tag: str) -> str:
    """The digest of a tag's manifest. Raises CalledProcessError when Docker or the registry does not answer."""
    command = ("docker", "buildx", "imagetools", "inspect", "--format", "{{.Manifest.Digest}}", tag)
    answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()  # noqa: S603 - a list of words
    if not re.fullmatch(r"sha256:[0-9a-f]{64}", answer):
        raise SystemExit(f"{tag}: the registry's answer is no digest: {answer[:200]!r}")
    return answer


def pinned(text: str, resolve: Resolve) -> str:
    """The file's text, with the digest of each image."""
    return REFERENCE.sub(lambda found: f"{found['before']}{found['tag']}@{resolve(found['tag'])}", text)


def unpinned(text: str) -> list[str]:
    """The tags without a digest."""
    return [found["tag"] for found in REFERENCE.finditer(text) if found["digest"] is None]


def main(arguments: Sequence[str]) -> int:
    missing = []
    for path in (ROOT / name for name in FILES):
        text = path.read_text("utf-8")
        if "--check" in arguments:
            missing += [f"{path.relative_to(ROOT)}: {tag}" for tag in unpinned(text)]
        else:
            path.write_text(pinned(text, registrys_digest), "utf-8")
    sys.stdout.writelines(f"not pinned: {line}\n" for line in missing)
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

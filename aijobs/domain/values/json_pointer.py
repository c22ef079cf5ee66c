"""JSON pointers (RFC 6901): where in a document something is."""


def pointer(*path: str | int) -> str:
    """For example `/params/a~1b` for `pointer("params", "a/b")`."""
    return "".join(f"/{part}" for part in (str(part).replace("~", "~0").replace("/", "~1") for part in path))

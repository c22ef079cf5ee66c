"""Addresses that a browser names: where a page leads back to, and where a visitor comes from."""

from urllib.parse import SplitResult, urlsplit


def local_path(path: str, *, otherwise: str = "/") -> str:
    """`path` if it is a path of this site, else `otherwise`."""
    is_local = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()
    return path if is_local else otherwise


def parts_of(address: str) -> SplitResult:
    """Those of an address; empty ones of what is none, such as `http://[`."""
    try:
        return urlsplit(address)
    except ValueError:
        return urlsplit("")

"""MiniMax (minimax.io), Hailuo videos: all of it is declared in `provider.toml`."""

from pathlib import Path
from typing import Final

from aijobs.providers.declared import declared_package

PACKAGE: Final = declared_package((Path(__file__).parent / "provider.toml").read_text("utf-8"))

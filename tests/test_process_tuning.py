"""Processes that serve give large blocks back, and collect garbage in short steps."""

import asyncio
import gc
import subprocess
import sys
from collections.abc import Iterator

import pytest

from aijobs import process_tuning

#: Frees large blocks among small ones, as after many uploads. Prints the bytes that stay in memory afterwards.
PROGRAM = """
import sys
from pathlib import Path
from aijobs.process_tuning import give_back_large_blocks

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

if sys.argv[1] == "with":
    give_back_large_blocks()
bytearray(20_000_000)  # freed at once: by default the threshold for separate mappings is then as large
before = resident()
kept, large = [], []
for _ in range(100):
    large.append(bytearray(b"x") * 1_000_000)
    kept.append(bytearray(700))
large.clear()
print(resident() - before)
"""


@pytest.fixture
def thresholds() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*before)


def left_over(argument: str) -> int:
    ended = subprocess.run([sys.executable, "-c", PROGRAM, argument], capture_output=True, text=True, check=True)
    return int(ended.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's allocator, and /proc")
async def test_large_blocks_are_given_back() -> None:
    without, with_it = await asyncio.gather(*(asyncio.to_thread(left_over, one) for one in ("without", "with")))

    assert with_it < 5_000_000
    assert without > 5 * max(with_it, 1_000_000)


@pytest.mark.usefixtures("thresholds")
def test_what_is_loaded_is_not_looked_at_again() -> None:
    process_tuning.shorten_collections()

    assert gc.get_freeze_count() > 10_000
    assert len(gc.get_objects()) < 1_000
    assert gc.get_threshold() == process_tuning.THRESHOLDS

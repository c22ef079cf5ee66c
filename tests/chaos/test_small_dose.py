"""A small dose of chaos: the real stack, a few kills, and every promise holds."""

from pathlib import Path

import pytest
from rich.console import Console

from chaos.plan import StormPlan
from chaos.report import show
from chaos.run import run

DOSE = StormPlan(
    seed=2,
    jobs=28,
    users=5,
    batches=1,
    batch_rows=20,
    storm=20.0,
    kill_every=2.0,
    long_pauses=False,
    timeout=90.0,
    gentle=True,
)


@pytest.mark.xdist_group("chaos")
async def test_a_small_dose_of_chaos_breaks_no_promise(tmp_path: Path) -> None:
    console = Console()

    outcome = await run(DOSE, tmp_path, lambda words: console.print(words, markup=False))

    show(outcome, console)
    assert outcome.passed
    assert sum(outcome.harms.values()) > 0
    assert outcome.recovery is not None

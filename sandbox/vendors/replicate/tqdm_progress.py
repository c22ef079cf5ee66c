"""Progress bars of tqdm in the logs, the only place where Replicate reports progress."""

from typing import Final

WIDTH: Final = 10
EIGHTHS: Final = " ▏▎▍▌▋▊▉"


def tqdm_line(*, step: int, total: int, elapsed: float) -> str:
    """For example ` 42%|████▏     | 21/50 [00:01<00:01, 16.47it/s]`."""
    rate = step / elapsed if elapsed > 0 else 0.0
    left = (total - step) / rate if rate else 0.0
    speed = f"{rate:5.2f}it/s" if rate else "?it/s"
    return (
        f"{100 * step // total:3d}%|{_bar(step, total)}| {step}/{total} [{_minutes(elapsed)}<{_minutes(left)}, {speed}]"
    )


def _bar(step: int, total: int) -> str:
    full, eighths = divmod(step * WIDTH * 8 // total, 8)
    partial = EIGHTHS[eighths] if eighths else ""
    return ("█" * full + partial).ljust(WIDTH)


def _minutes(seconds: float) -> str:
    return f"{int(seconds) // 60:02d}:{int(seconds) % 60:02d}"

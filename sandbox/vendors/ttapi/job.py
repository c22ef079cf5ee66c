"""One Midjourney job, as the sandbox stores it.

PENDING_QUEUE ─► ON_QUEUE ─► SUCCESS | FAILED
"""

from enum import IntEnum
from typing import Final, Literal

from pydantic import BaseModel

from sandbox.persistence.ledger import Charge

Mode = Literal["relax", "fast", "turbo"]

#: The price of a job of each mode, in quota.
PRICE_OF: Final[dict[Mode, int]] = {"relax": 2, "fast": 4, "turbo": 8}

#: The duration of a job of each mode, as a factor of the sandbox's pace.
PACE_OF: Final[dict[Mode, float]] = {"relax": 2.5, "fast": 1.0, "turbo": 0.6}

OF_A_GRID: Final = (
    *(f"upsample{number}" for number in range(1, 5)),
    "reroll",
    *(f"variation{number}" for number in range(1, 5)),
)
OF_A_PICTURE: Final = (
    "upscale_subtle",
    "upscale_creative",
    "low_variation",
    "high_variation",
    "zoom_out_2",
    "zoom_out_1_5",
    "pan_left",
    "pan_right",
    "pan_up",
    "pan_down",
)
OF_AN_UPSCALE: Final = ("redo_upscale_subtle", "redo_upscale_creative", "zoom_out_2", "zoom_out_1_5")


class MidjourneyStatus(IntEnum):
    """The name is the status in a fetch, the number is the one in a list."""

    PENDING_QUEUE = 0
    ON_QUEUE = 1
    SUCCESS = 2
    FAILED = 3

    @property
    def is_final(self) -> bool:
        return self in (MidjourneyStatus.SUCCESS, MidjourneyStatus.FAILED)


class MidjourneyJob(BaseModel):
    """One job, as it is stored."""

    id: str
    account: str
    action: str
    prompt: str
    mode: Mode
    lineage: str  #: the seed of the pictures: the prompt, and every action since
    created_ns: int
    hook_url: str | None = None
    single_images: bool = False
    source: str | None = None  #: the job that an action works on
    status: MidjourneyStatus = MidjourneyStatus.PENDING_QUEUE
    progress: int | None = None
    message: str | None = None
    width: int = 0
    height: int = 0

    @property
    def price(self) -> int:
        return PRICE_OF[self.mode]

    @property
    def is_grid(self) -> bool:
        return not self.action.startswith(("upsample", "upscale", "redo_upscale"))

    @property
    def components(self) -> tuple[str, ...]:
        if self.status is not MidjourneyStatus.SUCCESS:
            return ()
        if self.is_grid:
            return OF_A_GRID
        return OF_A_PICTURE if self.action.startswith("upsample") else OF_AN_UPSCALE

    @property
    def charge(self) -> Charge:
        if not self.status.is_final:
            return Charge.PENDING
        return Charge.CHARGED if self.status is MidjourneyStatus.SUCCESS else Charge.FREE

    @property
    def picture_names(self) -> tuple[str, ...]:
        """The files of a finished job, the whole picture first."""
        return ("grid.png", "tl.png", "tr.png", "bl.png", "br.png") if self.is_grid else ("picture.png",)

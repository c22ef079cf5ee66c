"""The plan of a run, drawn from its seed. Only the timing of a busy machine is not reproducible."""

import random
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Final

from aijobs.domain.jobs.batches.batch import Reserve
from chaos.faults import provider_faults

PATIENT: Final = "chaos_patient_v1"
"""Waits long enough for a lost request to be known as absent."""

HASTY: Final = "replicate_imageupscale_v1"

POINTS_OF_A_JOB: Final = 2

IN_FLIGHT: Final = 12
USER_IN_FLIGHT: Final = 4
"""Jobs at the provider at the same time: of all, and of each user."""

GREEDY_FACTOR: Final = 4
"""Greedy users order this many times as often as others; their points run out."""

#: Shares of the orders.
UPLOADED: Final = 0.15
CANCELED: Final = 0.12
FOLLOWED: Final = 0.4
REPEATED: Final = 0.2
DOUBLED: Final = 0.2
PATIENTLY: Final = 0.15
WITHOUT_FAULT: Final = 0.3
GREEDY: Final = 0.2
LATEST_CANCEL: Final = 8.0

#: Of a batch.
CONCURRENCY: Final = (3, 5)
UNKEYED: Final = 0.25
FAULTY_ROW: Final = 0.3
FIRST_PHOTO: Final = 2**16
PHOTOS_OF_A_BATCH: Final = 2000


@dataclass(frozen=True, kw_only=True)
class StormDeadlines:
    """Of a model, in seconds."""

    submit: int
    queue: int
    processing: int
    migrate: int
    business: int
    late: int

    def times(self, factor: float) -> "StormDeadlines":
        """Longer ones. After its end a job is watched as long as before."""
        longer = {name: round(seconds * factor) for name, seconds in asdict(self).items()}
        return StormDeadlines(**{**longer, "late": self.late})


@dataclass(frozen=True, kw_only=True)
class StormPlan:
    """The parameters of a run. Times in seconds.

    A gentle run leaves out faults whose result takes minutes: requests that never reach the provider.
    """

    seed: int
    jobs: int = 200
    users: int = 20
    workers: int = 2
    apis: int = 2
    storm: float = 120.0
    kill_every: float = 4.0  #: on average
    long_pauses: bool = True  #: some longer than the heartbeat timeout
    batches: int = 4  #: and one that its user cannot pay
    batch_rows: int = 30  #: of each
    timeout: float = 900.0  #: after the storm, for unanswered orders and jobs that are not final
    gentle: bool = False
    patience: float = 1.0  #: a factor of the hasty model's deadlines, for a machine with little time
    s3: bool = False
    postgresql: bool = False
    sabotage: str | None = None  #: one of chaos.sabotage

    @property
    def deadlines(self) -> Mapping[str, StormDeadlines]:
        """By model."""
        hasty = StormDeadlines(submit=120, queue=60, processing=60, migrate=120, business=300, late=300)
        patient = StormDeadlines(submit=300, queue=420, processing=120, migrate=180, business=900, late=300)
        gentle = StormDeadlines(submit=40, queue=15, processing=15, migrate=40, business=80, late=60)
        usual, other = (gentle, gentle) if self.gentle else (hasty, patient)
        return {HASTY: usual.times(self.patience), PATIENT: other}

    @property
    def daily_limit(self) -> int:
        """Only greedy users reach it."""
        return max(2 * POINTS_OF_A_JOB, round(2 * POINTS_OF_A_JOB * self.jobs / self.users))

    def dice(self, purpose: str) -> random.Random:
        """A random generator for one purpose, independent of those for other purposes."""
        return random.Random(f"{self.seed} {purpose}")


@dataclass(frozen=True, kw_only=True)
class CustomerOrder:
    """One job that a customer asks for. Times in seconds; `at` counts from the beginning of the storm."""

    number: int
    key: str
    user: str
    model: str
    at: float
    fault: str  #: in the photo's URL; empty for none
    is_uploaded: bool
    canceled_after: float | None
    is_followed: bool
    is_repeated: bool  #: sent once more with the same key after its answer
    is_doubled: bool  #: sent twice at once with the same key


def orders_of(plan: StormPlan) -> list[CustomerOrder]:
    dice = plan.dice("orders")
    names = [f"user-{number:02}" for number in range(plan.users)]
    weights = [GREEDY_FACTOR if number < plan.users * GREEDY else 1 for number in range(plan.users)]
    faults = provider_faults.job_faults(gentle=plan.gentle)
    return [_order(plan, dice, number, names, weights, faults) for number in range(plan.jobs)]


def _order(
    plan: StormPlan, dice: random.Random, number: int, names: list[str], weights: list[int], faults: Mapping[str, int]
) -> CustomerOrder:
    is_uploaded = dice.random() < UPLOADED
    without_fault = dice.random() < WITHOUT_FAULT or is_uploaded  # the name of an upload is ours
    fault = dice.choices(list(faults), weights=list(faults.values()))[0]
    return CustomerOrder(
        number=number,
        key=f"order-{plan.seed}-{number}",
        user=dice.choices(names, weights=weights)[0],
        model=PATIENT if dice.random() < PATIENTLY else HASTY,
        at=dice.uniform(0, plan.storm * 0.95),
        fault="" if without_fault else fault,
        is_uploaded=is_uploaded,
        canceled_after=dice.uniform(0, LATEST_CANCEL) if dice.random() < CANCELED else None,
        is_followed=dice.random() < FOLLOWED,
        is_repeated=dice.random() < REPEATED,
        is_doubled=plan.dice(f"doubled {number}").random() < DOUBLED,
    )


@dataclass(frozen=True, kw_only=True)
class BatchOrder:
    """A batch that a customer asks for; `users` and `faults` are those of its rows. Times as in CustomerOrder.

    Without `is_keyed`, it is sent once, without an idempotency key, whatever becomes of the answer.
    """

    number: int
    key: str
    at: float
    users: tuple[str, ...]
    faults: tuple[str, ...]
    concurrency: int
    model: str
    reserve: Reserve
    is_keyed: bool
    is_doubled: bool
    is_repeated: bool

    def photo(self, row: int) -> int:
        """The number of a photo that no job of the run has besides."""
        return FIRST_PHOTO + PHOTOS_OF_A_BATCH * self.number + row


def batches_of(plan: StormPlan) -> list[BatchOrder]:
    """Batches whose users have enough points and order nothing else; the last one is too dear for its only user."""
    affordable = plan.daily_limit // POINTS_OF_A_JOB
    orders = []
    for number in range(plan.batches):
        users = [f"batch-{number}-{user}" for user in range(-(-plan.batch_rows // affordable))]
        orders.append(_batch(plan, number, [users[row % len(users)] for row in range(plan.batch_rows)]))
    if plan.batches:
        orders.append(_batch(plan, plan.batches, [f"batch-{plan.batches}"] * (affordable + 1)))
    return orders


def _batch(plan: StormPlan, number: int, users: list[str]) -> BatchOrder:
    dice = plan.dice(f"batch {number}")
    is_too_dear = number == plan.batches
    faults = provider_faults.job_faults(gentle=plan.gentle)
    drawn = dice.choices(list(faults), weights=list(faults.values()), k=len(users))
    return BatchOrder(
        number=number,
        key=f"batch-{plan.seed}-{number}",
        at=dice.uniform(0, plan.storm * 0.5),
        users=tuple(users),
        faults=tuple(fault if dice.random() < FAULTY_ROW else "" for fault in drawn),
        concurrency=dice.randint(*CONCURRENCY),
        model=HASTY,
        reserve=Reserve.WHOLE if is_too_dear else dice.choice(list(Reserve)),
        is_keyed=is_too_dear or dice.random() >= UNKEYED,
        is_doubled=dice.random() < DOUBLED,
        is_repeated=dice.random() < REPEATED,
    )

"""The store holds every output, unaltered, and nothing else."""

from collections.abc import Iterator

from aijobs.domain.jobs.outputs import OutputKind
from aijobs.domain.lifecycle import JobStatus
from aijobs.persistence.tables import OutputRow
from chaos.evidence import Evidence


def missing_or_altered(evidence: Evidence) -> Iterator[tuple[str, str]]:
    for job in evidence.every_job:
        rows = evidence.outputs.get(job.code, [])
        if job.job_status is not JobStatus.SUCCESS:
            if rows:
                yield job.code, f"is {job.job_status.name}, and has {len(rows)} outputs"
            continue
        if not rows or [row.index for row in rows] != list(range(len(rows))):
            yield job.code, f"is SUCCESS with the outputs {[row.index for row in rows]}"
        for row in rows:
            yield from ((job.code, problem) for problem in _problems(evidence, row))


def _problems(evidence: Evidence, row: OutputRow) -> Iterator[str]:
    stored = evidence.observations.inventory.objects.get(row.key)
    made = [evidence.made.get(paid.id) for paid in evidence.paid(row.job_code)]
    if stored is None:
        yield f"has no object {row.key} in the store"
    elif stored != row.sha256:
        yield f"has an object {row.key} that is not what its row says"
    if row.kind is OutputKind.IMAGE and row.sha256 not in made:
        yield f"has an output {row.index} that the provider did not make"


def stray(evidence: Evidence) -> Iterator[tuple[str, str]]:
    known = {row.key for rows in evidence.outputs.values() for row in rows} | {row.key for row in evidence.files}
    inventory = evidence.observations.inventory
    for key in inventory.objects.keys() - known:
        yield key, "is in the store, and belongs to nothing"
    for key in {row.key for row in evidence.files} - inventory.objects.keys():
        yield key, "is an upload that the store does not have"
    for name in inventory.unfinished:
        yield name, "was begun and never completed"

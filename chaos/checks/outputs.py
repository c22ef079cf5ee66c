"""Results are whole, true and alone in the store."""

from collections.abc import Iterator

from aijobs.domain.jobs.outputs import OutputKind
from aijobs.domain.lifecycle import JobStatus
from aijobs.persistence.tables import OutputRow
from chaos.evidence import Evidence


def missing_or_altered(seen: Evidence) -> Iterator[tuple[str, str]]:
    for job in seen.every_job:
        rows = seen.outputs.get(job.code, [])
        if job.job_status is not JobStatus.SUCCESS:
            if rows:
                yield job.code, f"is {job.job_status.name}, and has {len(rows)} outputs"
            continue
        if not rows or [row.index for row in rows] != list(range(len(rows))):
            yield job.code, f"is SUCCESS with the outputs {[row.index for row in rows]}"
        for row in rows:
            yield from ((job.code, complaint) for complaint in _complaints(seen, row))


def _complaints(seen: Evidence, row: OutputRow) -> Iterator[str]:
    stored = seen.witness.inventory.objects.get(row.key)
    made = [seen.made.get(paid.id) for paid in seen.paid(row.job_code)]
    if stored is None:
        yield f"has no object {row.key} in the store"
    elif stored != row.sha256:
        yield f"has an object {row.key} that is not what its row says"
    if row.kind is OutputKind.IMAGE and row.sha256 not in made:
        yield f"has an output {row.index} that the provider did not make"


def stray(seen: Evidence) -> Iterator[tuple[str, str]]:
    known = {row.key for rows in seen.outputs.values() for row in rows} | {row.key for row in seen.files}
    inventory = seen.witness.inventory
    for key in inventory.objects.keys() - known:
        yield key, "is in the store, and belongs to nothing"
    for key in {row.key for row in seen.files} - inventory.objects.keys():
        yield key, "is an upload that the store does not have"
    for name in inventory.unfinished:
        yield name, "was begun and never completed"

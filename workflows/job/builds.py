"""The build of the worker that began a workflow: Temporal keeps it in the history, which costs no event of its own.

`workflow.patched` would record a marker and a search attribute in every job: two events and two billable actions.
"""

import re
from typing import Final

UNVERSIONED: Final = "generation-2"
"""The build of workers to which the operator gives no version."""

_DIGEST: Final = re.compile(r"[0-9a-f]{32}|")


def is_first_generation(build_id: str) -> bool:
    """Whether a worker of the first generation began the workflow: the SDK named it by a digest of its code.

    Such a job goes on as it began. Of two generations that differ, this one alone can still be named so.
    """
    return _DIGEST.fullmatch(build_id) is not None

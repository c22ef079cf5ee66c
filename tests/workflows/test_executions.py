"""Workflows of every status are described, also those that the SDK has no name for."""

import re
from typing import Final

from tests.house.source_tree import SourceTree

BY_THE_SDK: Final = re.compile(r"get_workflow_handle\([^)]*\)\s*\.describe\(|list_workflows\(")

#: It lists those that run, whose status the SDK knows.
LISTS_RUNNING_ONES: Final = {"workflows/workflow_states.py"}


def test_no_workflow_is_described_by_the_sdk() -> None:
    """It raises ValueError for a paused one, which would end a round of repair, a page or a cancel."""
    product = ("workflows/", "activities/", "aijobs/", "api/", "cli/", "dashboard/")
    using = {
        file.path for file in SourceTree().sources if file.path.startswith(product) and BY_THE_SDK.search(file.text)
    }

    assert using == LISTS_RUNNING_ONES

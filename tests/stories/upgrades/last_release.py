"""The version that users come from: the last whose workflow histories are kept (`tests/histories/v0_3`)."""

from typing import Final

LAST_RELEASE: Final = "391c57e5611ceea0897ab02af3ed7075c9ba40c4"
"""Its commit, until a release has a tag."""

LAST_REVISION: Final = "0029"
"""Of its database."""

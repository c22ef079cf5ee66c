"""What the dashboard's navigation offers, in one table."""

from dataclasses import dataclass
from typing import Final

from aijobs.persistence.access.keys import Scope


@dataclass(frozen=True)
class Entry:
    """`name` is the message `nav.<name>` in both files of messages/, and what a page passes as `here`."""

    name: str
    path: str
    needs: Scope = Scope.JOBS_READ


#: A page is added in four steps: a module beside this one with a router of `PageRoute`s (page.py has the example),
#: its template in templates/, the router in ROUTERS of routing.py, and, if people shall find it, a line here with
#: its name in messages/en.toml and messages/zh.toml.
NAVIGATION: Final = (
    Entry("overview", "/"),
    Entry("jobs", "/jobs"),
    Entry("new", "/new", Scope.JOBS_WRITE),
    Entry("photos", "/photos"),
    Entry("documents", "/documents"),
    Entry("templates", "/templates"),
    Entry("models", "/models"),
    Entry("money", "/money"),
    Entry("example", "/example"),
)

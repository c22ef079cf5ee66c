"""The entries of the dashboard's navigation."""

from dataclasses import dataclass
from typing import Final

from aijobs.domain.values.scopes import Scope


@dataclass(frozen=True)
class NavigationItem:
    """`name` is the message `nav.<name>` in both files of messages/, and what a page passes as `current`."""

    name: str
    path: str
    needs: Scope = Scope.JOBS_READ


#: A page is added in four steps: a module in pages/ with a router of `PageRoute`s (page.py has the example),
#: its template in templates/, the router in ROUTERS of routes.py, and, if it is to be in the navigation, a line here
#: with its name in messages/en.toml and messages/zh.toml.
NAVIGATION: Final = (
    NavigationItem("overview", "/"),
    NavigationItem("jobs", "/jobs"),
    NavigationItem("batches", "/batches"),
    NavigationItem("new", "/new", Scope.JOBS_WRITE),
    NavigationItem("photos", "/photos"),
    NavigationItem("documents", "/documents"),
    NavigationItem("templates", "/templates"),
    NavigationItem("models", "/models"),
    NavigationItem("money", "/money"),
    NavigationItem("pauses", "/pauses", Scope.PAUSES_READ),
    NavigationItem("audit", "/audit", Scope.AUDIT_READ),
    NavigationItem("health", "/health", Scope.HEALTH_READ),
    NavigationItem("keys", "/keys", Scope.KEYS_READ),
    NavigationItem("sessions", "/sessions"),
    NavigationItem("example", "/example"),
)

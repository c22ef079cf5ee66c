"""The entries of the dashboard's navigation."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from aijobs.domain.values.scopes import Scope


@dataclass(frozen=True)
class NavigationItem:
    """`name` is the message `nav.<name>` in both files of messages/, and what a page passes as `current`."""

    name: str
    path: str
    needs: Scope = Scope.JOBS_READ


@dataclass(frozen=True)
class NavigationGroup:
    """Entries under the heading `nav.group_<name>`; the first group, the daily work, has none."""

    name: str
    items: tuple[NavigationItem, ...]


#: A page is added in four steps: a module in pages/ with a router of `PageRoute`s (page.py has the example),
#: its template in templates/, the router in ROUTERS of routes.py, and, if it is to be in the navigation, a line here
#: with its name in aijobs/domain/values/languages/, in every file.
NAVIGATION: Final = (
    NavigationGroup(
        "",
        (
            NavigationItem("overview", "/"),
            NavigationItem("jobs", "/jobs"),
            NavigationItem("batches", "/batches"),
            NavigationItem("new", "/new", Scope.JOBS_WRITE),
        ),
    ),
    NavigationGroup(
        "content",
        (
            NavigationItem("photos", "/photos"),
            NavigationItem("documents", "/documents"),
            NavigationItem("templates", "/templates"),
            NavigationItem("models", "/models"),
        ),
    ),
    NavigationGroup(
        "access",
        (
            NavigationItem("users", "/users"),
            NavigationItem("money", "/money"),
            NavigationItem("keys", "/keys", Scope.KEYS_READ),
            NavigationItem("sessions", "/sessions"),
        ),
    ),
    NavigationGroup(
        "operations",
        (
            NavigationItem("health", "/health", Scope.HEALTH_READ),
            NavigationItem("pauses", "/pauses", Scope.PAUSES_READ),
            NavigationItem("settings", "/settings", Scope.SETTINGS_READ),
            NavigationItem("audit", "/audit", Scope.AUDIT_READ),
        ),
    ),
    NavigationGroup(
        "developers",
        (
            NavigationItem("webhooks", "/webhooks", Scope.WEBHOOKS_WRITE),
            NavigationItem("example", "/example"),
            NavigationItem("documentation", "/docs"),
        ),
    ),
)


def navigation_of(may: Callable[[Scope], bool]) -> list[NavigationGroup]:
    """The groups with what a visitor may open; those without anything are left out."""
    allowed = [
        NavigationGroup(group.name, tuple(item for item in group.items if may(item.needs))) for group in NAVIGATION
    ]
    return [group for group in allowed if group.items]

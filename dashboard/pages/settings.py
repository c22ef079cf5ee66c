"""The settings: what is set, where it came from, and what it means. Nothing is changed here."""

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from api.auth.caller import SettingsReader
from api.dependencies import AllSettings
from dashboard.page import PageRoute, Visiting
from dashboard.setting_lines import setting_groups

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@router.get("/settings")
async def show_settings(visit: Visiting, _caller: SettingsReader, settings: AllSettings) -> HTMLResponse:
    groups = setting_groups(settings)
    return await visit.page(
        "settings.html",
        current="settings",
        groups=[group for group in groups if not group.is_vendor],
        vendors=[group for group in groups if group.is_vendor],
    )

"""The Settings page: all of them, with their meaning, and never a secret."""

from datetime import timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import expect
from pydantic import BaseModel, SecretStr

from aijobs.domain.values.scopes import Scope
from aijobs.persistence.access.keys import KeyKind, create_key
from aijobs.process_settings import ApiSettings
from aijobs.providers.registry import SHIPPED
from aijobs.settings import PREFIX, GivenSettings, Settings
from dashboard.language import LANGUAGES, Language, messages
from dashboard.setting_lines import TEMPORAL_PREFIX, SettingLine, SettingSource, setting_groups
from tests.dashboard.conftest import OpenVisitor
from tests.dashboard.installation import DashboardUnderTest

SECRETS = ("Ob2-kGq8_wT5.zLm1", "plain-redis-password", "r8_0123456789")


def lines_of(settings: Settings, environment: dict[str, str]) -> dict[str, SettingLine]:
    return {line.variable: line for group in setting_groups(settings, environment) for line in group.lines}


def secretive(tmp_path: Path) -> Settings:
    given: dict[str, Any] = {
        "data_dir": tmp_path,
        "secret": SecretStr(SECRETS[0]),
        "database_url": f"postgresql://aijobs:{SECRETS[1]}@db/aijobs?sslpassword={SECRETS[1]}&host=db2",
        "replicate": {"token": SECRETS[2]},
        "api": ApiSettings(port=9000, session_idle=timedelta(hours=1)),
    }
    return GivenSettings(**given)


def fields_in(section: type[BaseModel]) -> int:
    """How many settings there are, those of nested sections counted one by one."""
    nested = [field.annotation for field in section.model_fields.values()]
    sections = [one for one in nested if isinstance(one, type) and issubclass(one, BaseModel)]
    return len(nested) - len(sections) + sum(map(fields_in, sections))


def test_every_setting_is_listed_once_with_its_meaning_in_both_languages() -> None:
    groups = [group for group in setting_groups(GivenSettings(), {}) if not group.is_vendor or group.name in SHIPPED]
    lines = [line for group in groups for line in group.lines]
    ours = [line.variable for line in lines if line.variable.startswith(PREFIX)]

    assert len(ours) == len(set(ours)) == fields_in(Settings)
    for language in LANGUAGES:
        known = messages(language)
        assert {f"setting.{line.meaning}" for line in lines} - known.keys() == set()
        assert {f"setting_group.{group.name}" for group in groups if not group.is_vendor} - known.keys() == set()


def test_no_message_explains_a_setting_that_is_gone() -> None:
    lines = lines_of(GivenSettings(), {}).values()
    explained = {key for key in messages(Language.EN) if key.startswith("setting.")}

    assert explained - {f"setting.{line.meaning}" for line in lines} == set()


def test_values_are_written_as_operators_write_them_and_secrets_are_not(tmp_path: Path) -> None:
    lines = lines_of(secretive(tmp_path), {})

    assert lines["AIJOBS_API__SESSION_IDLE"].value == "1h"
    assert lines["AIJOBS_API__SESSION_IDLE"].default == "12h"
    assert lines["AIJOBS_ONE_HOST"].value == "false"
    assert lines["AIJOBS_WEBHOOKS__PAUSES"].value == "5s, 5m, 30m, 2h, 5h, 10h, 14h, 20h, 1d"
    assert lines["AIJOBS_DATABASE_URL"].value == "postgresql://***@db/aijobs?sslpassword=***&host=db2"
    assert (lines["AIJOBS_SECRET"].is_set, lines["AIJOBS_SECRET"].value) == (True, None)
    assert lines["AIJOBS_REPLICATE__TOKEN"].is_set
    assert not lines["AIJOBS_FAL__TOKEN"].is_set
    assert not any(secret in repr(lines) for secret in SECRETS)


def test_it_is_said_where_a_value_came_from(tmp_path: Path) -> None:
    environment = {
        "AIJOBS_API__PORT": "9000",
        "AIJOBS_SECRET_FILE": "/run/secrets/aijobs",
        "TEMPORAL_ADDRESS": "t:7233",
    }
    lines = lines_of(secretive(tmp_path), environment)

    assert lines["AIJOBS_API__PORT"].source is SettingSource.ENVIRONMENT
    assert (lines["AIJOBS_SECRET"].source, lines["AIJOBS_SECRET"].file) == (SettingSource.FILE, "/run/secrets/aijobs")
    assert lines["AIJOBS_API__SESSION_IDLE"].source is SettingSource.START
    assert lines["AIJOBS_API__STREAMS"].source is SettingSource.DEFAULT
    assert lines[f"{TEMPORAL_PREFIX}ADDRESS"].value == "t:7233"


@pytest.mark.parametrize("scope", [Scope.JOBS_READ, Scope.SETTINGS_READ])
async def test_only_who_may_read_settings_sees_the_page(dashboard: DashboardUnderTest, scope: Scope) -> None:
    dependencies = dashboard.installation.dependencies
    scopes = {Scope.JOBS_READ, scope}
    key = await create_key(
        dependencies.database, dependencies.secret, kind=KeyKind.SERVICE, name="test", scopes=frozenset(scopes)
    )

    response = await dashboard.installation.http.get("/settings", headers={"Authorization": f"Bearer {key}"})

    allowed = Scope.SETTINGS_READ in scopes
    assert response.status_code == (HTTPStatus.OK if allowed else HTTPStatus.FORBIDDEN)
    assert ("AIJOBS_DATA_DIR" in response.text) is allowed


async def test_settings_are_found_by_name_value_and_meaning(
    dashboard: DashboardUnderTest, open_visitor: OpenVisitor
) -> None:
    visitor = await open_visitor(dashboard.url, key=dashboard.key)
    await visitor.open("/settings")
    search, shown = visitor.page.get_by_role("searchbox"), visitor.page.locator(".setting:visible")

    await search.fill("kling download")
    await expect(shown).to_have_count(1)
    await expect(shown.locator("code")).to_have_text("AIJOBS_KLING__DOWNLOAD_HOSTS")
    await search.fill("points each user")
    await expect(shown.locator("code")).to_have_text("AIJOBS_POINTS__DAILY_LIMIT")
    await search.fill("no such setting")
    await expect(visitor.page.get_by_text("No setting matches.")).to_be_visible()
    await search.fill("")
    await visitor.page.get_by_label("Only what is set").check()

    await expect(shown.locator("code").first).to_have_text("AIJOBS_DATA_DIR")
    await expect(visitor.page.get_by_text("AIJOBS_KLING__DOWNLOAD_HOSTS")).to_be_hidden()

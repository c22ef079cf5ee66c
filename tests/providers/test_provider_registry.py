"""The table of providers, and the declarations of its packages."""

from collections.abc import Mapping

import pytest
from pydantic import SecretStr, ValidationError

from aijobs.domain.catalogue import Model
from aijobs.domain.vendor import KeyCheck, SandboxAccess, SignsWebhooks, Vendor
from aijobs.providers.registry import PROVIDERS, ProviderSettings, opened_providers
from aijobs.providers.replicate import ReplicateSettings
from aijobs.settings import VENDORS, Settings, variable
from sandbox.vendors.registry import simulated_vendors

SANDBOX = SandboxAccess(
    url="http://127.0.0.1:9400", token="r8_sandbox", webhook_secret="whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
)


def test_every_provider_has_its_section() -> None:
    assert PROVIDERS.keys() == ProviderSettings.model_fields.keys()


async def test_a_token_switches_a_provider_on(upscale: Model) -> None:
    settings = ProviderSettings.model_validate({"replicate": {"token": "r8_x"}})

    async with opened_providers(settings) as providers:
        assert providers.keys() == {upscale.provider}


@pytest.mark.parametrize("token", [None, SecretStr("")])
async def test_without_a_token_there_is_no_provider(token: SecretStr | None) -> None:
    async with opened_providers(ProviderSettings.model_validate({"replicate": {"token": token}})) as providers:
        assert providers == {}


def test_a_wrong_setting_does_not_show_the_key() -> None:
    with pytest.raises(ValidationError) as invalid:
        ReplicateSettings.model_validate({"token": "r8_secret", "base_url": 5, "tokn": "r8_secret"})

    assert "r8_secret" not in str(invalid.value)


@pytest.mark.parametrize("name", VENDORS)
def test_settings_that_point_at_the_sandbox_are_settings(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not Settings.load().has_key(name)

    for variable_name, value in stood_in(name, VENDORS[name]).items():
        monkeypatch.setenv(variable_name, value)

    settings = Settings.load()
    section = settings.section(name)
    assert settings.has_key(name)
    assert section.base_url.startswith(SANDBOX.url)
    if isinstance(section, SignsWebhooks):
        assert section.webhook_secret == SecretStr(SANDBOX.webhook_secret)


def stood_in(name: str, vendor: Vendor) -> Mapping[str, str]:
    return {variable(name, field): value for field, value in vendor.stand_in(SANDBOX).items()}


def test_the_sandbox_simulates_every_vendor() -> None:
    assert simulated_vendors().keys() == VENDORS.keys()


def test_vendors_are_told_apart_by_their_labels() -> None:
    assert len({vendor.label for vendor in VENDORS.values()}) == len(VENDORS)


@pytest.mark.parametrize(
    ("check", "headers"),
    [
        (KeyCheck(path="/me"), {"Authorization": "Bearer k"}),
        (KeyCheck(path="/me", header="X-Key", scheme=""), {"X-Key": "k"}),
        (KeyCheck(path="/me", scheme="Key"), {"Authorization": "Key k"}),
    ],
)
def test_a_key_is_shown_as_the_vendor_wants_it(check: KeyCheck, headers: dict[str, str]) -> None:
    assert check.headers("k") == headers

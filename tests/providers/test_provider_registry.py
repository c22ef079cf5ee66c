"""The table of providers."""

import pytest
from pydantic import SecretStr, ValidationError

from aijobs.domain.catalogue import Model
from aijobs.providers.registry import PROVIDERS, ProviderSettings, opened_providers
from aijobs.providers.replicate import ReplicateSettings


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

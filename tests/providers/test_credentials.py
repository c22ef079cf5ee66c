"""Several credentials of one vendor, from one setting."""

from typing import cast

import pytest

from aijobs.domain.ports.credentials import OpenProviders, credentials_of, provider_in
from aijobs.domain.vendor import SandboxAccess, VendorSettings
from aijobs.providers.credentials import sections_of, with_credentials
from aijobs.providers.registry import SHIPPED, opened_providers
from aijobs.settings import Settings, SettingsError
from tests.workflows.local import StepProvider

FIRST, SPARE, THIRD = "r8_FirstKeyOfTheAccount1", "r8_SpareKeyOfTheAccount2", "r8_ThirdKeyOfTheAccount3"
SIGNING = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
MANY = f"spare={SPARE} spare.webhook_secret={SIGNING} third={THIRD} third.base_url=https://eu.example.com"


def loaded(monkeypatch: pytest.MonkeyPatch, **variables: str) -> Settings:
    for name, value in variables.items():
        monkeypatch.setenv(f"AIJOBS_REPLICATE__{name}", value)
    return Settings.load()


async def test_each_credential_opens_the_vendor_with_secrets_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = loaded(
        monkeypatch, TOKEN=FIRST, WEBHOOK_SECRET=SIGNING, BASE_URL="https://us.example.com", CREDENTIALS=MANY
    )

    sections = sections_of("replicate", settings.section("replicate"))

    shown = {
        name: (section.token and section.token.get_secret_value(), section.base_url)
        for name, section in sections.items()
    }
    assert shown == {
        "replicate": (FIRST, "https://us.example.com"),
        "replicate:spare": (SPARE, "https://us.example.com"),
        "replicate:third": (THIRD, "https://eu.example.com"),
    }
    secrets = [getattr(section, "webhook_secret") for section in sections.values()]  # noqa: B009 - of one vendor
    assert [secret and secret.get_secret_value() for secret in secrets] == [SIGNING, SIGNING, None]
    async with opened_providers(settings) as providers:
        assert list(providers) == ["replicate"]
        assert credentials_of(providers, "replicate") == tuple(sections)
        assert len({id(providers[credential]) for credential in sections}) == 3


@pytest.mark.parametrize(
    ("credentials", "problem"),
    [
        ("spare", "part 1 is not name=key"),
        (f"Spare={SPARE}", "part 1 is not name=key"),
        (f"spare={SPARE} spare={THIRD}", "spare.token is given twice"),
        (f"spare={SPARE} spare.credentials=deeper={THIRD}", "spare has no credentials of its own"),
        ("spare.base_url=https://x.example", "spare has no token"),
        (f"spare={SPARE} spare.colour=red", "spare.colour: Extra inputs are not permitted"),
        ("spare=sk-proj-abcdefghijklmnop", "spare.token: .* somebody else's key"),
        (f"spare={SPARE} spare.webhook_secret=whsec_x", "spare.webhook_secret: .* not whole"),
    ],
)
def test_a_wrong_credential_is_named_and_not_shown(
    monkeypatch: pytest.MonkeyPatch, credentials: str, problem: str
) -> None:
    with pytest.raises(SettingsError, match=f"AIJOBS_REPLICATE(__CREDENTIALS)?: .*{problem}") as refused:
        loaded(monkeypatch, TOKEN=FIRST, CREDENTIALS=credentials)

    assert SPARE not in str(refused.value)


@pytest.mark.parametrize("name", SHIPPED)
def test_a_section_of_the_vendors_own_class_has_one_credential(name: str) -> None:
    package = SHIPPED[name]
    access = SandboxAccess(url="https://vendor.example", token=FIRST, webhook_secret=SIGNING)
    plain = package.settings.model_validate(package.vendor.stand_in(access))

    section = with_credentials(name, package.settings).model_validate(plain)

    assert section.model_dump(exclude={"credentials"}) == plain.model_dump()
    assert list(sections_of(name, cast(VendorSettings, section))) == [name]


def test_a_credential_of_another_region_is_used_at_the_address_of_that() -> None:
    bedrock = with_credentials("bedrock", SHIPPED["bedrock"].settings)
    first = {"token": "wJalrXUtnFEMIK7MDENG", "access_key": "AKIDFIRST", "output_url": "s3://films"}
    spare = "eu=bPxRfiCYEXAMPLEKEY eu.access_key=AKIDSPARE eu.region=eu-west-1 eu.output_url=s3://eu-films"

    section = cast(VendorSettings, bedrock.model_validate({**first, "credentials": spare}))
    sections = sections_of("bedrock", section)

    assert {name: section.base_url for name, section in sections.items()} == {
        "bedrock": "https://bedrock-runtime.us-east-1.amazonaws.com",
        "bedrock:eu": "https://bedrock-runtime.eu-west-1.amazonaws.com",
    }


def test_other_credentials_need_a_first(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError, match="there is none"):
        loaded(monkeypatch, CREDENTIALS=f"spare={SPARE}")


def test_providers_are_what_is_counted_whatever_their_credentials() -> None:
    providers = OpenProviders({"local": StepProvider([]), "local:b": StepProvider([]), "other": StepProvider([])})

    assert (list(providers), len(providers)) == (["local", "other"], 2)
    assert "local:b" in providers
    assert credentials_of(providers, "local") == ("local", "local:b")
    assert credentials_of(providers, "nobody") == credentials_of({}, "nobody") == ()
    assert provider_in("local:b") == provider_in("local") == "local"

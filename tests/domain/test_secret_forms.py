"""A secret that was pasted wrongly is refused at the start, by the setting's name and without showing it."""

from collections.abc import Iterator
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, SecretStr, TypeAdapter, ValidationError

from aijobs.providers.replicate import ReplicateSettings
from aijobs.settings import Settings, SettingsError

RIGHT = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
PADDED = "RdvaYFYUXuIFuEbvZHwMfYFhUf7aMYjYcmM24+Aj40c="
REPLICATE = "AIJOBS_REPLICATE__TOKEN"
WEBHOOKS = "AIJOBS_REPLICATE__WEBHOOK_SECRET"
S3_KEY, S3_SECRET = "AIJOBS_STORE__ACCESS_KEY", "AIJOBS_STORE__SECRET_KEY"
A_KEY = "r8_AbCdEfGhIjKlMnOpQrStUvWxYz0123456789A"
AWS_ID, AWS_SECRET = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"

SLIPS = (
    f"Bearer {A_KEY}",
    f"bearer {A_KEY}",
    f"Token {A_KEY}",
    f'"{A_KEY}"',
    f"'{A_KEY}'",
    f"“{A_KEY}”",
    f"REPLICATE_API_TOKEN={A_KEY}",
    f"export TOKEN={A_KEY}",
    f"{A_KEY[:9]} {A_KEY[9:]}",
    f"{A_KEY[:9]}\n{A_KEY[9:]}",
    f"{A_KEY}\u200b",
    f"{A_KEY[:9]}\u00a0{A_KEY[9:]}",
    f"{A_KEY[:9]}é",
    "r8_…",
    "r8_...",
    "<your token>",
    "your-token-here",
    "r8_xxxxxxxxxxxx",
    "************",
    "changeme",
    "${REPLICATE_API_TOKEN}",
    "$TOKEN",
    "https://replicate.com/account/api-tokens",
    f"v1,whsec_{RIGHT}",
    f"whsec_{RIGHT}",
)


def refusal_of(monkeypatch: pytest.MonkeyPatch, **settings: str) -> str:
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as refused:
        Settings.load()
    return str(refused.value)


@pytest.mark.parametrize("variable", [REPLICATE, "AIJOBS_TTAPI__TOKEN", "AIJOBS_CHAT__TOKEN", "AIJOBS_CLI__KEY"])
@pytest.mark.parametrize("written", SLIPS)
def test_what_is_no_key_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, variable: str, written: str) -> None:
    message = refusal_of(monkeypatch, **{variable: written})

    assert message.startswith(f"{variable}: ")
    assert A_KEY[3:9] not in message
    assert RIGHT not in message


@pytest.mark.parametrize("written", ["sk-proj-abcdef", "hf_abcdefgh", AWS_ID])
def test_somebody_elses_key_is_none_of_replicates(monkeypatch: pytest.MonkeyPatch, written: str) -> None:
    assert "begin with r8_" in refusal_of(monkeypatch, **{REPLICATE: written})


@pytest.mark.parametrize(
    "written",
    [
        f"v1,whsec_{RIGHT}",
        f"whsec_{RIGHT[:-1]}",
        f"whsec_{RIGHT[1:]}",
        f"whsec_{RIGHT[:-4]}",
        f"whsec_{PADDED[:-1]}",
        f"whsec_{PADDED[:-2]}=",
        f"whsec_{PADDED[:-2]}d=",
        f"whsec_{PADDED[1:]}",
        f"whsec_{RIGHT[:8]} {RIGHT[8:]}",
        f"whsec_{RIGHT[:8]}-{RIGHT[9:]}",
        "whsec_",
        "whsec_…",
        RIGHT,
        A_KEY,
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        f'"whsec_{RIGHT}"',
    ],
)
def test_what_is_no_webhook_secret_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, written: str) -> None:
    message = refusal_of(monkeypatch, **{REPLICATE: A_KEY, WEBHOOKS: written})

    assert message.startswith(f"{WEBHOOKS}: ")
    assert RIGHT[:8] not in message
    assert PADDED[:8] not in message


@pytest.mark.parametrize(
    "written",
    [
        "short",
        "…",
        "x" * 15,
        "<a long random text>",
        "change-me",
        "  secret  ",
        "a" * 40,
        "abab" * 10,
        "changeme" * 4,
        "1234567890" * 3,
    ],
)
def test_a_secret_that_can_be_guessed_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, written: str) -> None:
    assert refusal_of(monkeypatch, AIJOBS_SECRET=written).startswith("AIJOBS_SECRET: ")


@pytest.mark.parametrize("variable", ["AIJOBS_TTAPI__TOKEN", "AIJOBS_CHAT__TOKEN"])
@pytest.mark.parametrize("written", [AWS_ID, "aijobs_service_0000000000000000_nothing"])
def test_a_key_whose_service_is_known_belongs_to_it(
    monkeypatch: pytest.MonkeyPatch, variable: str, written: str
) -> None:
    assert "belongs into another setting" in refusal_of(monkeypatch, **{variable: written})


@pytest.mark.parametrize("written", [A_KEY, "sk-proj-abcdef", "0123456789abcdef", "eyJhbGciOi.x"])
def test_the_command_line_has_a_key_of_ours(monkeypatch: pytest.MonkeyPatch, written: str) -> None:
    assert "begin with aijobs_" in refusal_of(monkeypatch, AIJOBS_CLI__KEY=written)


@pytest.mark.parametrize(
    "written", ["aijobs_user_0000000000000000_nothing", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln"]
)
def test_which_may_be_an_end_users_token(monkeypatch: pytest.MonkeyPatch, written: str) -> None:
    monkeypatch.setenv("AIJOBS_CLI__KEY", written)

    assert Settings.load().cli.key is not None


@pytest.mark.parametrize(
    "written", ["http://a@x/", "https://a:b@x", "https://x/?a=b", "https://x/#a", "javascript:x", "ftp://x"]
)
def test_a_public_url_is_where_others_reach_us(monkeypatch: pytest.MonkeyPatch, written: str) -> None:
    assert refusal_of(monkeypatch, AIJOBS_PUBLIC_URL=written).startswith("AIJOBS_PUBLIC_URL: ")


def test_swapped_keys_of_a_store_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    message = refusal_of(monkeypatch, AIJOBS_STORE__URL="s3://bucket", **{S3_KEY: AWS_SECRET, S3_SECRET: AWS_ID})

    assert f"{S3_SECRET}: " in message
    assert "swapped" in message


@pytest.mark.parametrize("written", [f'"{AWS_SECRET}"', "…", f"{AWS_SECRET[:9]} {AWS_SECRET[9:]}", "<secret>"])
@pytest.mark.parametrize("variable", [S3_KEY, S3_SECRET])
def test_keys_of_a_store_have_no_slips(monkeypatch: pytest.MonkeyPatch, variable: str, written: str) -> None:
    keys = {S3_KEY: AWS_ID, S3_SECRET: AWS_SECRET} | {variable: written}

    assert f"{variable}: " in refusal_of(monkeypatch, AIJOBS_STORE__URL="s3://bucket", **keys)


@pytest.mark.parametrize("webhook_secret", [f"whsec_{RIGHT}", f"whsec_{PADDED}", f" whsec_{PADDED}\n", ""])
@pytest.mark.parametrize(
    "token", [A_KEY, f"{A_KEY}\n", "r8_right", "tt_0f3c==", "ollama", "key-with.dots~and/more+=", ""]
)
def test_what_may_be_one_is_taken(monkeypatch: pytest.MonkeyPatch, token: str, webhook_secret: str) -> None:
    for name in (REPLICATE, "AIJOBS_TTAPI__TOKEN", "AIJOBS_CHAT__TOKEN"):
        monkeypatch.setenv(name, token)
    monkeypatch.setenv(WEBHOOKS, webhook_secret)
    monkeypatch.setenv("AIJOBS_SECRET", "correct horse battery staple")
    monkeypatch.setenv("AIJOBS_STORE__URL", "s3://bucket")
    monkeypatch.setenv(S3_KEY, "test:tester")
    monkeypatch.setenv(S3_SECRET, AWS_SECRET)

    settings = Settings.load()

    replicate = settings.section("replicate")
    assert isinstance(replicate, ReplicateSettings)
    assert replicate.token == SecretStr(token.strip())
    assert replicate.webhook_secret == SecretStr(webhook_secret.strip())
    assert settings.load_secret() == b"correct horse battery staple"


def secret_fields(section: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, field in section.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from secret_fields(field.annotation, f"{prefix}{name}.")
        elif "SecretStr" in str(field.annotation):
            yield (
                f"{prefix}{name}",
                Annotated[(field.annotation, *field.metadata)] if field.metadata else (field.annotation),
            )


FIELDS = dict(secret_fields(Settings))


def test_secrets_are_found() -> None:
    assert {"secret", "cli.key", "chat.token", "store.secret_key", "replicate.webhook_secret"} <= FIELDS.keys()


@pytest.mark.parametrize("name", FIELDS)
def test_no_setting_takes_a_placeholder_for_a_secret(name: str) -> None:
    for written in ("<your token>", "changeme", "xxxxxxxx"):
        with pytest.raises(ValidationError):
            TypeAdapter(FIELDS[name]).validate_python(written)

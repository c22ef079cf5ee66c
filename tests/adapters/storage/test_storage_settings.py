"""Valid settings, and the messages for invalid ones."""

from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from aijobs.adapters.download.settings import DownloadSettings
from aijobs.adapters.network.host_patterns import HostPort, is_listed
from aijobs.adapters.storage.settings import StoreSettings


class StoreSettingsFromEnvironment(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="AIJOBS_", env_nested_delimiter="__", frozen=True)

    store: StoreSettings = StoreSettings()
    download: DownloadSettings = DownloadSettings()


def test_an_s3_url_is_a_bucket_and_perhaps_a_prefix() -> None:
    assert StoreSettings(url="s3://my-bucket").bucket_and_prefix == ("my-bucket", "")
    assert StoreSettings(url="s3://my-bucket/a/b/").bucket_and_prefix == ("my-bucket", "a/b/")


def test_a_file_url_is_a_directory() -> None:
    assert StoreSettings(url="file:///var/lib/a%20b").directory == Path("/var/lib/a b")
    assert StoreSettings().directory is None


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ({"url": "/var/lib/store"}, "must be file:///… or s3://bucket/prefix"),
        ({"url": "https://bucket.s3.amazonaws.com"}, "must be file:///… or s3://bucket/prefix"),
        ({"url": "file://store"}, "absolute directory: file:///var"),
        ({"url": "file:store"}, "absolute directory"),
        ({"url": "s3://"}, "'' is not the name of a bucket"),
        ({"url": "s3://My_Bucket/x"}, "'My_Bucket' is not the name of a bucket"),
        ({"url": "s3://key:secret@bucket"}, "is not the name of a bucket"),
        ({"url": "s3://bucket/a/../b"}, "cannot be a prefix"),
        ({"url": "s3://bucket/a?region=x"}, "has its own setting"),
        ({"url": "s3://bucket", "endpoint": "minio:9000"}, "must be http://host or https://host"),
        ({"url": "s3://bucket", "endpoint": "https://host/path"}, "a server only"),
        ({"url": "s3://bucket", "access_key": "a"}, "access_key and secret_key are needed together"),
        ({"endpoint": "https://host"}, "endpoint only make sense with a url like s3://"),
        ({"url": "s3://bucket", "ca_bundle": "/not/there.pem"}, "there is no file /not/there.pem"),
        ({"url": "s3://bucket", "addressing": "dns"}, "'auto', 'path' or 'virtual'"),
        ({"bucket": "b"}, "bucket"),
    ],
)
def test_what_is_wrong_with_the_store_is_said(written: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError) as refused:
        StoreSettings.model_validate(written)

    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ({"allow_hosts": ["http://10.0.0.1/"]}, "'http://10.0.0.1/' is neither host nor host:port"),
        ({"allow_hosts": ["host:0"]}, "'host:0' is neither"),
        ({"allow_hosts": ["host:99999"]}, "'host:99999' is neither"),
        ({"allow_hosts": ["*.internal"]}, "'*.internal' is neither"),
        ({"max_bytes": 0}, "greater than 0"),
        ({"idle_timeout": "0s"}, "longer than nothing"),
        ({"total_deadline": "soon"}, "total_deadline"),
    ],
)
def test_what_is_wrong_with_the_downloads_is_said(written: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError) as refused:
        DownloadSettings.model_validate(written)

    assert message in str(refused.value)


def test_secrets_are_not_shown() -> None:
    settings = StoreSettings.model_validate({"url": "s3://bucket", "access_key": "me", "secret_key": "s3cret"})

    assert "s3cret" not in repr(settings)


@pytest.mark.parametrize("written", ["10.0.0.1:8000, store.internal", '["10.0.0.1:8000", "store.internal"]'])
def test_the_environment_is_understood(monkeypatch: pytest.MonkeyPatch, written: str) -> None:
    monkeypatch.setenv("AIJOBS_STORE__URL", "s3://bucket/prefix")
    monkeypatch.setenv("AIJOBS_STORE__CHECKSUMS", "when_required")
    monkeypatch.setenv("AIJOBS_DOWNLOAD__ALLOW_HOSTS", written)
    monkeypatch.setenv("AIJOBS_DOWNLOAD__MAX_BYTES", "1000")
    monkeypatch.setenv("AIJOBS_DOWNLOAD__IDLE_TIMEOUT", "5s")

    settings = StoreSettingsFromEnvironment()

    assert settings.store.checksums == "when_required"
    assert settings.download.allow_hosts == ("10.0.0.1:8000", "store.internal")
    assert settings.download.max_bytes == 1000
    assert settings.download.idle_timeout == timedelta(seconds=5)


@pytest.mark.parametrize("host", ["10.0.0.1", "STORE.internal", "store.internal.", "[::1]"])
def test_a_host_without_a_port_covers_the_ports_of_http_and_https(host: str) -> None:
    entry = HostPort.parse(host)

    assert entry.covers(host.strip("[]").lower(), 80)
    assert entry.covers(host, 443)
    assert not entry.covers(host, 9000)
    assert not entry.covers("elsewhere", 80)


@pytest.mark.parametrize("written", ["10.0.0.1:8000", "[::1]:8000", "store.internal:8000"])
def test_a_host_with_a_port_covers_only_that(written: str) -> None:
    host = written.removesuffix(":8000")

    assert HostPort.parse(written).covers(host, 8000)
    assert not HostPort.parse(written).covers(host, 8001)


@pytest.mark.parametrize(
    ("host", "covered"),
    [
        ("example.com", True),
        ("cdn.example.com", True),
        ("a.b.Example.COM.", True),
        ("badexample.com", False),
        ("example.com.evil.org", False),
        ("com", False),
    ],
)
def test_a_star_covers_the_domain_and_everything_below(host: str, *, covered: bool) -> None:
    assert is_listed(host, ("*.example.com",)) is covered

"""Every setting may come from a file, as secrets of containers do; what a file cannot give is named, not shown."""

from pathlib import Path

import pytest

from aijobs.settings import Settings, SettingsError

SECRET = "a long enough secret of ours"


@pytest.fixture
def secret_file(tmp_path: Path) -> Path:
    path = tmp_path / "secret"
    path.write_text(f"{SECRET}\n")
    return path


def refusal() -> str:
    with pytest.raises(SettingsError) as refused:
        Settings.load()
    return str(refused.value)


def test_a_file_gives_a_setting_without_its_line_end(monkeypatch: pytest.MonkeyPatch, secret_file: Path) -> None:
    url = secret_file.with_name("url")
    url.write_text("postgresql://aijobs:p%40ss@db/aijobs\r\n")
    monkeypatch.setenv("AIJOBS_SECRET_FILE", str(secret_file))
    monkeypatch.setenv("AIJOBS_DATABASE_URL_FILE", str(url))

    settings = Settings.load()

    assert settings.load_secret() == SECRET.encode()
    assert settings.database == "postgresql://aijobs:p%40ss@db/aijobs"


def test_a_nested_setting_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("r8_AbCdEfGhIjKlMnOpQrStUvWxYz0123456789A\n")
    monkeypatch.setenv("AIJOBS_REPLICATE__TOKEN_FILE", str(tmp_path / "token"))

    assert Settings.load().has_key("replicate")


def test_a_setting_that_is_itself_called_a_file_is_no_file_of_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIJOBS_WORKER__HEALTH_FILE", "/tmp/not there")

    assert Settings.load().worker.health_file == Path("/tmp/not there")


def test_a_file_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AIJOBS_SECRET_FILE", str(tmp_path / "nowhere"))

    assert refusal() == f"AIJOBS_SECRET_FILE: {tmp_path / 'nowhere'} cannot be read: No such file or directory"


def test_a_setting_is_given_once(monkeypatch: pytest.MonkeyPatch, secret_file: Path) -> None:
    monkeypatch.setenv("AIJOBS_SECRET_FILE", str(secret_file))
    monkeypatch.setenv("AIJOBS_SECRET", SECRET)

    assert refusal() == "AIJOBS_SECRET and AIJOBS_SECRET_FILE are both set: leave one out"


def test_an_empty_variable_beside_the_file_counts_as_not_set(
    monkeypatch: pytest.MonkeyPatch, secret_file: Path
) -> None:
    monkeypatch.setenv("AIJOBS_SECRET_FILE", str(secret_file))
    monkeypatch.setenv("AIJOBS_SECRET", "")

    assert Settings.load().load_secret() == SECRET.encode()


def test_what_is_wrong_in_a_file_is_named_and_not_shown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "token").write_text('"r8_AbCdEfGh"')
    monkeypatch.setenv("AIJOBS_REPLICATE__TOKEN_FILE", str(tmp_path / "token"))

    message = refusal()

    assert message.startswith("AIJOBS_REPLICATE__TOKEN: ")
    assert "AbCdEfGh" not in message


def test_a_file_that_is_no_text_or_without_an_end_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    monkeypatch.setenv("AIJOBS_SECRET_FILE", str(tmp_path / "binary"))
    assert "is no text" in refusal()

    monkeypatch.setenv("AIJOBS_SECRET_FILE", "/dev/zero")
    assert "has more than" in refusal()


def test_a_file_for_an_unknown_setting_is_an_unknown_setting(
    monkeypatch: pytest.MonkeyPatch, secret_file: Path
) -> None:
    monkeypatch.setenv("AIJOBS_SECRETS_FILE", str(secret_file))

    assert refusal() == "Unknown setting: AIJOBS_SECRETS_FILE"

"""Settings: where they come from, which wins, what is refused, what is shown."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from polyscribe import settings
from polyscribe.domain.errors import BadInput


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current directory, empty."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_flags_win_over_the_environment_and_that_over_the_file(folder: Path) -> None:
    (folder / "polyscribe.toml").write_text("port = 1\nworkers = 1\nengine = 'one'\n")

    found = settings.read({"port": 3, "host": None}, environment={"POLYSCRIBE_PORT": "2", "POLYSCRIBE_WORKERS": "2"})

    assert (found.port, found.workers, found.engine, found.host) == (3, 2, "one", "127.0.0.1")


def test_without_settings_everything_is_in_the_data_directory_of_the_current_folder(folder: Path) -> None:
    found = settings.read(environment={})

    assert found.data_dir == folder / "polyscribe-data"
    assert found.database_url == f"sqlite:///{folder}/polyscribe-data/polyscribe.db"
    assert found.blob_url == f"file://{folder}/polyscribe-data/blobs"
    assert not any(folder.iterdir())


def test_a_file_named_by_the_flag_must_exist(folder: Path) -> None:
    with pytest.raises(BadInput, match=r"other\.toml cannot be read"):
        settings.read(config=folder / "other.toml", environment={})


def test_a_file_that_is_not_toml_is_refused_in_one_line(folder: Path) -> None:
    (folder / "polyscribe.toml").write_text("port: 1")

    with pytest.raises(BadInput, match="is not TOML") as refused:
        settings.read(environment={})

    assert "\n" not in refused.value.message


@pytest.mark.parametrize(
    ("environment", "nearest"),
    [
        ({"POLYSCRIBE_DATADIR": "x"}, "data_dir"),
        ({"POLYSCRIBE_WORKER": "1"}, "workers"),
        ({"POLYSCRIBE_PROVIDERS__TWILIO__AUTHTOKEN": "x"}, "providers.twilio.auth_token"),
    ],
)
def test_an_unknown_setting_of_the_environment_is_refused_with_the_nearest_known_one(
    folder: Path, environment: dict[str, str], nearest: str
) -> None:
    with pytest.raises(BadInput, match=f"Did you mean {nearest}"):
        settings.read(environment=environment)


def test_an_unknown_setting_of_the_file_is_refused_with_the_nearest_known_one(folder: Path) -> None:
    (folder / "polyscribe.toml").write_text("[providers.twillio]\naccount_sid = 'AC1'\n")

    with pytest.raises(BadInput, match=r"providers\.twillio"):
        settings.read(environment={})


def test_names_for_the_tests_and_empty_values_are_no_settings(folder: Path) -> None:
    environment = {"POLYSCRIBE_TEST_DATABASE_URL": "x", "POLYSCRIBE_SHARED": "y", "POLYSCRIBE_PORT": "", "HOME": "z"}

    assert settings.read(environment=environment).port == 8080


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("port", "many"),
        ("port", "70000"),
        ("workers", "0"),
        ("database_url", "mysql://x"),
        ("blob_url", "ftp://x"),
        ("public_url", "calls.example.com"),
        ("log_format", "xml"),
        ("secret_key", "short"),
        ("rate_limits", "10/s"),
        ("retention_audio_hours", "-1"),
    ],
)
def test_an_impossible_value_is_refused_by_name_in_one_line(folder: Path, name: str, value: str) -> None:
    with pytest.raises(BadInput, match=f"Setting {name}: ") as refused:
        settings.read({name: value}, environment={})

    assert "\n" not in refused.value.message


def test_private_hosts_may_be_a_list_in_the_file(folder: Path) -> None:
    (folder / "polyscribe.toml").write_text("allowed_private_hosts = ['10.0.0.0/8', 'media.local']\n")

    assert settings.read(environment={}).allowed_private_hosts == "10.0.0.0/8,media.local"


def test_a_provider_section_reads_the_same_from_the_file_and_from_the_environment(folder: Path) -> None:
    from_environment = settings.read(
        environment={
            "POLYSCRIBE_PROVIDERS__TWILIO__ACCOUNT_SID": "AC1",
            "POLYSCRIBE_PROVIDERS__TWILIO__AUTH_TOKEN": "hush",
        }
    )
    (folder / "polyscribe.toml").write_text("[providers.twilio]\naccount_sid = 'AC1'\nauth_token = 'hush'\n")

    assert settings.read(environment={}) == from_environment
    assert from_environment.providers.twilio is not None
    assert from_environment.providers.twilio.base_url == "https://api.twilio.com"


def test_a_section_that_nothing_reads_yet_is_named(folder: Path) -> None:
    found = settings.read(environment={"POLYSCRIBE_PROVIDERS__DEEPGRAM__API_KEY": "hush"})

    assert found.providers.without_effect() == ["deepgram"]


def test_the_secret_key_is_made_once_and_readable_by_the_owner_only(folder: Path) -> None:
    found = settings.read(environment={})

    first, second = found.secret_key, settings.read(environment={}).secret_key

    kept = folder / "polyscribe-data" / "secret-key"
    assert first == second
    assert kept.read_text() == first.get_secret_value()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert stat.S_IMODE(kept.parent.stat().st_mode) == 0o700
    assert [each.name for each in kept.parent.iterdir()] == ["secret-key"]


def test_a_secret_key_that_was_set_is_used_and_nothing_is_written(folder: Path) -> None:
    found = settings.read(environment={"POLYSCRIBE_SECRET_KEY": "0123456789abcdef"})

    assert found.secret_key.get_secret_value() == "0123456789abcdef"
    assert not any(folder.iterdir())


def test_what_is_shown_names_every_effective_value_and_no_secret(folder: Path) -> None:
    found = settings.read(
        {"data_dir": folder / "data"},
        environment={
            "POLYSCRIBE_SECRET_KEY": "0123456789abcdef",
            "POLYSCRIBE_DATABASE_URL": "postgresql://me:hush@db.example.com/calls",
            "POLYSCRIBE_PROVIDERS__TWILIO__ACCOUNT_SID": "AC1",
            "POLYSCRIBE_PROVIDERS__TWILIO__AUTH_TOKEN": "hush",
        },
    )

    text = settings.shown(found)

    assert f'data_dir = "{folder}/data"' in text
    assert "postgresql://me:********@db.example.com/calls" in text
    assert '[providers.twilio]\naccount_sid = "AC1"\nauth_token = "********"' in text
    assert "hush" not in text
    assert "0123456789abcdef" not in text


def test_what_is_handed_on_to_another_process_is_taken_over_whole(folder: Path) -> None:
    found = settings.read(
        environment={
            "POLYSCRIBE_SECRET_KEY": "0123456789abcdef",
            "POLYSCRIBE_PROVIDERS__TWILIO__ACCOUNT_SID": "AC1",
            "POLYSCRIBE_PROVIDERS__TWILIO__AUTH_TOKEN": "hush",
        }
    )

    assert settings.taken_over(settings.handed_on(found)) == found


def test_settings_do_not_change(folder: Path) -> None:
    found = settings.read(environment={})

    with pytest.raises(ValueError, match="frozen"):
        found.port = 1  # type: ignore[misc]

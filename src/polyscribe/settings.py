"""What the operator may set: file `polyscribe.toml` < environment `POLYSCRIBE_*` < flags. Read once, then handed in.

Knows names, types and defaults; not what a setting does.
"""

from __future__ import annotations

import difflib
import json
import os
import secrets
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator

from polyscribe.domain.errors import BadInput, StoreFailed

PREFIX = "POLYSCRIBE_"
FILE_NAME = "polyscribe.toml"
SECRET_FILE = "secret-key"  # noqa: S105 (the name of a file)
FOR_TESTS = ("TEST_", "SHARED")
"""Environment names after the prefix that belong to our test suite and are no settings."""

_MASK = "********"
Hours = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Provider(BaseModel):
    """Access to somebody else's service."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    api_key: SecretStr | None = Field(None, description="the key that the provider gave you")
    base_url: str | None = Field(None, description="where the provider is reached, when not at its usual address")
    price_per_minute: float | None = Field(None, ge=0, description="what a minute of audio costs there")


class Twilio(BaseModel):
    """The Twilio account whose recordings are fetched when they are not in the own store."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    account_sid: str = Field(description="the account SID, `AC…`")
    auth_token: SecretStr = Field(description="its auth token; shown to `base_url` only")
    base_url: str = Field("https://api.twilio.com", description="where recordings are fetched from")


class Providers(BaseModel):
    """One section for each provider; only `twilio` has an effect so far."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    twilio: Twilio | None = None
    deepgram: Provider | None = None
    openai: Provider | None = None
    assemblyai: Provider | None = None
    elevenlabs: Provider | None = None
    gcp: Provider | None = None
    aws: Provider | None = None

    def without_effect(self) -> list[str]:
        """The sections that are filled in although nothing here speaks to those providers yet."""
        return [name for name in type(self).model_fields if name != "twilio" and getattr(self, name) is not None]


class Settings(BaseModel):
    """The effective settings. Their names in the environment are these in capitals behind `POLYSCRIBE_`."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    host: str = Field("127.0.0.1", description="address on which `serve` listens")
    port: int = Field(8080, ge=0, le=65535, description="its port; 0 takes a free one")
    data_dir: Path = Field(Path("polyscribe-data"), description="folder of the SQLite file, blobs, models and spool")
    given_database_url: str | None = Field(
        None, alias="database_url", description="`postgresql://…`; without it a SQLite file in `DATA_DIR`"
    )
    given_blob_url: str | None = Field(
        None, alias="blob_url", description="`file://…` or `s3://bucket/prefix`; without it a folder in `DATA_DIR`"
    )
    public_url: str | None = Field(
        None, description="base of every absolute URL that we hand out; without it the address of the request"
    )
    allowed_private_hosts: str = Field(
        "",
        description="hosts, addresses and CIDR ranges, commas between, that media URLs and webhooks may reach although "
        "they are private; `http` is allowed to them too",
    )
    engine: str = Field("auto", description="which recogniser serves a request that names none")
    workers: int = Field(
        default_factory=lambda: os.cpu_count() or 1, ge=1, description="parallel recognitions; without it one per CPU"
    )
    retention_audio_hours: Hours = Field(0, description="audio is deleted so long after the end; 0 keeps it")
    retention_transcript_hours: Hours = Field(0, description="and so are transcripts; 0 keeps them")
    rate_limits: Literal["off"] = Field("off", description="`off` is all there is so far: no request is counted")
    strict_limits: bool = Field(
        False, description="refuse what the imitated service would refuse though we could do it (formats, short audio)"
    )
    log_format: Literal["auto", "console", "json"] = Field(
        "auto", description="`console` or `json`; `auto` is console on a terminal, else json"
    )
    given_secret_key: SecretStr | None = Field(
        None,
        alias="secret_key",
        min_length=16,
        description="encrypts what must be recoverable; without it made once and kept in `DATA_DIR/secret-key`",
    )
    providers: Providers = Field(Providers(), description="sections of other people's services")

    @field_validator("data_dir")
    @classmethod
    def _absolute(cls, path: Path) -> Path:
        return path.expanduser().absolute()

    @field_validator("allowed_private_hosts", mode="before")
    @classmethod
    def _comma_list(cls, hosts: object) -> object:
        """The file may spell it as a list."""
        return ",".join(map(str, hosts)) if isinstance(hosts, list) else hosts

    @field_validator("given_database_url")
    @classmethod
    def _known_database(cls, url: str | None) -> str | None:
        if url is not None and url.split(":")[0] not in {"sqlite", "postgresql"}:
            raise ValueError("a database URL begins with postgresql:// or sqlite:///")
        return url

    @field_validator("given_blob_url")
    @classmethod
    def _known_store(cls, url: str | None) -> str | None:
        if url is not None and not url.startswith(("file:///", "s3://")):
            raise ValueError("a blob URL begins with file:/// or s3://")
        return url

    @field_validator("public_url")
    @classmethod
    def _bare_base(cls, url: str | None) -> str | None:
        if url is None:
            return None
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.netloc or parts.query or parts.fragment:
            raise ValueError("a public URL looks like https://calls.example.com")
        return url.rstrip("/")

    @property
    def database_url(self) -> str:
        return self.given_database_url or f"sqlite:///{self.data_dir / 'polyscribe.db'}"

    @property
    def blob_url(self) -> str:
        return self.given_blob_url or f"file://{self.data_dir / 'blobs'}"

    @property
    def has_secret_key(self) -> bool:
        """Whether there is one already."""
        return self.given_secret_key is not None or (self.data_dir / SECRET_FILE).exists()

    @property
    def secret_key(self) -> SecretStr:
        """The one that was set, else the one kept in DATA_DIR, which the first to ask makes.

        Raises:
            StoreFailed: DATA_DIR cannot be written.
        """
        return self.given_secret_key or SecretStr(_kept_secret(self.data_dir / SECRET_FILE))


def read(
    flags: Mapping[str, Any] | None = None,
    config: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> Settings:
    """The settings of this run; flags that are None were not given. Nothing is written.

    Raises:
        BadInput: an unknown setting, an impossible value, or no file at `config`; the message names it.
    """
    surroundings = os.environ if environment is None else environment
    merged: dict[str, Any] = {}
    for source in (_from_file(config), _from_environment(surroundings), _given(flags or {})):
        _merge(merged, source)
    _check_names(merged, Settings, "")
    try:
        return Settings.model_validate(merged)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        name = ".".join(str(part) for part in first["loc"])
        raise BadInput(f"Setting {name}: {first['msg'].removeprefix('Value error, ')}.", name) from error


def open_data_dir(path: Path) -> None:
    """Make the data directory if it is not there; calls and credentials are nobody else's business on this machine."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)


def names() -> Iterator[tuple[str, str]]:
    """Every setting as the file spells it (`data_dir`, `providers.twilio.base_url`), and what it means."""
    yield from _names(Settings, "")


def shown(settings: Settings) -> str:
    """The effective values as TOML, secrets masked."""
    lines, sections = [], []
    for name, field in Settings.model_fields.items():
        key = field.alias or name
        if key == "secret_key":
            lines.append(f'{key} = "{_MASK}"')
        elif key != "providers" and getattr(settings, key) is not None:
            lines.append(f"{key} = {_toml(getattr(settings, key))}")
    for provider, section in settings.providers:
        if section is not None:
            given = [f"{key} = {_toml(value)}" for key, value in section if value is not None]
            sections.append("\n".join(["", f"[providers.{provider}]", *given]))
    return "\n".join(lines + sections)


def handed_on(settings: Settings) -> str:
    """The settings as JSON for another process of ours; secrets are inside. `taken_over` reads it."""
    return json.dumps(settings.model_dump(by_alias=True, exclude_none=True), default=_plain)


def taken_over(text: str) -> Settings:
    """What `handed_on` wrote."""
    return Settings.model_validate_json(text)


def _from_file(config: Path | None) -> dict[str, Any]:
    path = config or Path(FILE_NAME)
    if config is None and not path.exists():
        return {}
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except OSError as error:
        raise BadInput(f"The settings file {path} cannot be read: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"The settings file {path} is not TOML: {error}.") from error


def _from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    """Two underscores separate levels (`POLYSCRIBE_PROVIDERS__TWILIO__ACCOUNT_SID`); empty counts as not set."""
    found: dict[str, Any] = {}
    for name, value in environment.items():
        rest = name.removeprefix(PREFIX)
        if rest == name or not value or rest.startswith(FOR_TESTS):
            continue
        nested: Any = value
        for part in reversed(rest.lower().split("__")):
            nested = {part: nested}
        _merge(found, nested)
    return found


def _given(flags: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in flags.items() if value is not None}


def _merge(into: dict[str, Any], source: Mapping[str, Any]) -> None:
    for key, value in source.items():
        if isinstance(value, Mapping) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        else:
            into[key] = dict(value) if isinstance(value, Mapping) else value


def _check_names(values: Mapping[str, Any], model: type[BaseModel], path: str) -> None:
    known = {field.alias or name: field.annotation for name, field in model.model_fields.items()}
    for key, value in values.items():
        if key not in known:
            raise BadInput(f"There is no setting {path}{key}.{_nearest(path + key)}", path + key)
        inner = _section(known[key])
        if inner is not None and isinstance(value, Mapping):
            _check_names(value, inner, f"{path}{key}.")


def _nearest(name: str) -> str:
    close = difflib.get_close_matches(name, [known for known, _ in names()], n=1, cutoff=0.5)
    return f" Did you mean {close[0]}?" if close else " The README lists all settings."


def _names(model: type[BaseModel], path: str) -> Iterator[tuple[str, str]]:
    for name, field in model.model_fields.items():
        inner = _section(field.annotation)
        if inner is None:
            yield f"{path}{field.alias or name}", field.description or ""
        else:
            yield from _names(inner, f"{path}{name}.")


def _section(annotation: Any) -> type[BaseModel] | None:
    """The model behind `Model` or `Model | None`."""
    for each in (annotation, *getattr(annotation, "__args__", ())):
        if isinstance(each, type) and issubclass(each, BaseModel):
            return each
    return None


def _plain(value: object) -> str:
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value)


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return f"{value:g}" if isinstance(value, float) else str(value)
    if isinstance(value, SecretStr):
        return f'"{_MASK}"'
    text = _without_password(str(value)).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'


def _without_password(text: str) -> str:
    parts = urlsplit(text)
    return text if parts.password is None else text.replace(f":{parts.password}@", f":{_MASK}@", 1)


def _kept_secret(path: Path) -> str:
    try:
        open_data_dir(path.parent)
        draft = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(32))
        # A link is made whole or not at all: nobody reads half a key, and the second maker finds the first one's.
        try:
            path.hardlink_to(draft)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
        return path.read_text().strip()
    except OSError as error:
        raise StoreFailed(f"The secret key {path} can be neither read nor made: {error.strerror}.") from error

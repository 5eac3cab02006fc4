"""What is not written down does not exist: settings, commands, engines, routes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from polyscribe import apis, engines, settings, testing
from polyscribe.cli import app

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
APIS = {api.name: api for api in apis.found()}


@pytest.mark.parametrize("name", [name for name, _ in settings.names()])
def test_every_setting_is_in_the_readme(name: str) -> None:
    *section, leaf = name.split(".")

    assert re.search(rf"`[^`]*\b{leaf}\b[^`]*`", README)
    assert all(part in README for part in section)


@pytest.mark.parametrize(("name", "meaning"), list(settings.names()))
def test_every_setting_says_what_it_means(name: str, meaning: str) -> None:
    assert meaning


def test_every_setting_of_the_readme_exists() -> None:
    rows = re.findall(r"^\| (`[a-z_`, ]+) \|", README, re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`([a-z_]+)`", row)}

    assert {"data_dir", "workers"} <= named
    assert named - {name for name, _ in settings.names()} - set(engines.makers()) - FOLDERS == set()


FOLDERS = {each.name for each in (ROOT / "src" / "polyscribe").iterdir() if each.is_dir()} | {
    "tests",
    "benchmarks",
    "docs",
}


def test_every_command_is_in_the_readme() -> None:
    names = [command.name or command.callback.__name__ for command in app.registered_commands if command.callback]
    names += [group.name for group in app.registered_groups if group.name]

    assert len(names) > 8
    assert [name for name in names if f"polyscribe {name}" not in README] == []


@pytest.mark.parametrize("name", list(engines.makers()))
def test_every_engine_is_in_the_readme(name: str) -> None:
    assert f"| `{name}` |" in README


@pytest.mark.parametrize("name", list(APIS))
def test_every_route_is_in_the_readme_of_its_api(name: str, tmp_path: Path) -> None:
    application = testing.app(tmp_path)
    text = (ROOT / "src" / "polyscribe" / "apis" / name / "README.md").read_text()

    paths = APIS[name].make(application).openapi()["paths"]

    application.database.close()
    assert paths
    assert [path for path in paths if _shape(path) not in _shape(text)] == []


def _shape(text: str) -> str:
    """The text without the names of path parameters."""
    return re.sub(r"\{[^{}]*\}", "{}", text)

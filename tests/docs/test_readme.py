"""The README: its examples run, one after the other, against a real server; its tables are complete."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

import servers

ROOT = Path(__file__).parents[2]
ADDRESS = "http://127.0.0.1:8080"
BLOCK = re.compile(r"^```(bash|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Example:
    language: str
    code: str
    printed: str


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> list[Example]:
    """The README's examples in their order, each with what it printed; one that fails fails the test."""
    folder = tmp_path_factory.mktemp("readme")
    (folder / "src").symlink_to(ROOT / "src")
    with servers.polyscribe(folder / "data") as server:
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        shell = {**server.environment, "PATH": path}
        blocks = BLOCK.findall((ROOT / "README.md").read_text())
        return [_run(language, code.replace(ADDRESS, server.base_url), folder, shell) for language, code in blocks]


def _run(language: str, code: str, folder: Path, shell: dict[str, str]) -> Example:
    """Run an example; what it exports is there for the next."""
    if language == "bash":
        command = ["bash", "-euo", "pipefail", "-c", f"{code}\nenv -0 > exported"]
    else:
        command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=folder, env=shell, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, f"{code}\n{done.stdout}\n{done.stderr}"
    if language == "bash":
        shell.update(line.split("=", 1) for line in (folder / "exported").read_text().split("\0") if line)
    return Example(language, code, done.stdout)


@pytest.mark.real
def test_every_example_that_transcribes_prints_what_was_said(examples: list[Example]) -> None:
    transcribing = [each for each in examples if re.search(r"transcribe |export \"|communications", each.code)]

    assert len(transcribing) == 3
    for example in transcribing:
        assert "My last name is Carter" in example.printed, example.code


@pytest.mark.real
def test_both_shells_and_the_client_library_are_shown(examples: list[Example]) -> None:
    assert [each.language for each in examples] == ["bash", "bash", "bash", "python"]


def test_the_two_commands_stand_on_top_and_are_targets() -> None:
    top = (ROOT / "README.md").read_text()[:1000]
    targets = (ROOT / "Makefile").read_text()

    assert top.index("make run") < top.index("make test")
    assert re.search(r"^run:", targets, re.MULTILINE)
    assert re.search(r"^test:", targets, re.MULTILINE)

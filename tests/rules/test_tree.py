"""What holds for the tree as a whole: who imports whom, what stands in no file, what every module begins with."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "polyscribe"
MODULES = sorted(path for path in SOURCE.rglob("*.py") if "tests" not in path.relative_to(SOURCE).parts)

MACHINE_PATH = re.compile(r"(?<![\w.~}])/(?:" + "|".join(["work", "opt", "root", "home"]) + r")/[\w.]")
REGISTRY = re.compile(r"\b(?:" + "|".join(["pypi", "pythonhosted", "npmjs"]) + r")\.(?:org|com)\b")
EMPTY_WORDS = {"utils", "util", "helpers", "common", "core", "manager", "managers", "base", "misc"}


def tracked() -> list[Path]:
    """Text files of the repository."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a checkout of the repository")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True).stdout
    paths = [ROOT / name for name in listed.decode().split("\0") if name]
    return [path for path in paths if path.is_file() and b"\0" not in path.read_bytes()[:8000]]


def found(pattern: re.Pattern[str]) -> list[str]:
    """Where a pattern stands in tracked files, as `file:line`."""
    return [
        f"{path.relative_to(ROOT)}:{number}"
        for path in tracked()
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1)
        if pattern.search(line)
    ]


def test_imports_go_down_only() -> None:
    done = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout


def test_no_file_names_a_path_of_a_machine() -> None:
    assert found(MACHINE_PATH) == []


def test_no_file_names_a_package_registry() -> None:
    assert found(REGISTRY) == []


@pytest.mark.parametrize("path", MODULES, ids=[str(path.relative_to(SOURCE)) for path in MODULES])
def test_every_module_begins_with_what_it_is_for(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text()))


def test_no_package_has_a_name_that_says_nothing() -> None:
    assert [path for path in MODULES if {path.stem, path.parent.name} & EMPTY_WORDS] == []


def test_the_locks_pin_every_package_by_hash() -> None:
    for name in ("requirements.lock", "requirements-test.lock"):
        entries = re.split(r"^(?=[a-zA-Z0-9])", (ROOT / name).read_text(), flags=re.MULTILINE)[1:]

        assert entries
        assert [
            entry for entry in entries if not re.match(r"[\w.-]+(\[.*\])?==\S+ .*--hash=sha256:", entry, re.DOTALL)
        ] == []

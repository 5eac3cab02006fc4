"""Engines are found by looking, and what is missing is named."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from polyscribe import engines
from polyscribe.domain.errors import Unavailable


def test_the_bundled_engine_is_found() -> None:
    assert engines.makers()[engines.BUNDLED].ABILITIES.languages == {"en"}


def test_an_unknown_engine_is_unavailable_and_the_known_ones_are_named(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="moonshine"):
        engines.load("nobody", tmp_path)


@pytest.mark.parametrize("name", sorted(engines.makers()))
def test_a_maker_tells_what_it_needs(name: str) -> None:
    maker = engines.makers()[name]

    assert name == maker.NAME
    assert maker.NEEDS
    assert maker.INSTALL
    assert maker.ABILITIES.licence


def test_looking_for_engines_imports_nothing_heavy() -> None:
    look = "from polyscribe import engines; engines.makers()"
    code = f"import sys; {look}; print('onnx' in sys.modules, 'onnxruntime' in sys.modules)"

    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert printed.split() == ["False", "False"]

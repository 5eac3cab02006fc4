import base64

import pytest

from polyscribe.web import credentials


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize("scheme", ["Basic", "basic", "BASIC"])
def test_a_pair_is_read_whatever_the_case_of_its_scheme(scheme: str) -> None:
    assert credentials.basic(f"{scheme} {encoded('user:pass:word')}") == ("user", "pass:word")


@pytest.mark.parametrize(
    "header", [None, "", "Basic", "Basic !", f"Bearer {encoded('a:b')}", f"Basic {encoded('ab')}", "Basic /w=="]
)
def test_what_is_no_pair_is_none(header: str | None) -> None:
    assert credentials.basic(header) is None


def test_a_token_is_read() -> None:
    assert credentials.bearer("bearer  abc ") == "abc"


@pytest.mark.parametrize("header", [None, "Bearer", "Bearer ", "Basic abc"])
def test_what_is_no_token_is_none(header: str | None) -> None:
    assert credentials.bearer(header) is None

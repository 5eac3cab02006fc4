import pytest

from polyscribe.domain.errors import FetchFailed, FetchFault
from polyscribe.outbound.target import basic, parse


def test_a_url_is_taken_apart() -> None:
    target = parse("HTTPS://Media.Example.:8443/a%2Fb/../c?sig=1%2B2#part")

    assert (target.scheme, target.host, target.port) == ("https", "media.example", 8443)
    assert target.path == "/c?sig=1%2B2"
    assert target.authority == "media.example:8443"


def test_default_ports_are_left_out_of_the_authority() -> None:
    assert parse("http://a.example:80/").authority == "a.example"
    assert parse("https://[2606:4700::1]/").authority == "[2606:4700::1]"
    assert parse("https://[2606:4700::1]:444/").authority == "[2606:4700::1]:444"


def test_names_in_other_scripts_become_ascii() -> None:
    assert parse("https://bücher.example/").host == "xn--bcher-kva.example"


@pytest.mark.parametrize(
    "url",
    [
        "", "media.example/a.wav", "ftp://a.example/", "file:///etc/passwd", "gopher://a.example/", "https://",
        "https:///a", "https://a.example:0/", "https://a.example:65536/", "https://a.example:x/", "https://a..b/",
        "https://a b/", "https://[fe80::1%25eth0]/", "https://[::1/", "https://a.example/\r\nHost: b", "data:,x",
        "https://" + "a" * 64 + ".example/", "https://a.example/" + "a" * 70_000, "https://%31%32%37.0.0.1/",
    ],
)  # fmt: skip
def test_what_is_no_sensible_web_address_is_refused(url: str) -> None:
    with pytest.raises(FetchFailed) as caught:
        parse(url)

    assert caught.value.fault is FetchFault.BAD_ADDRESS
    assert not caught.value.retryable


def test_a_user_name_in_the_url_becomes_basic_auth() -> None:
    assert parse("https://me:p%40ss@a.example/").authorization == basic("me", "p@ss")
    assert parse("https://me@a.example/").authorization == basic("me", "")


def test_given_credentials_win_over_those_in_the_url() -> None:
    assert parse("https://me:old@a.example/", ("you", "new")).authorization == basic("you", "new")


def test_secrets_are_not_in_the_repr() -> None:
    shown = repr(parse("https://me:hunter2@a.example/x?sig=abcdef"))

    assert "hunter2" not in shown
    assert "abcdef" not in shown
    assert basic("me", "hunter2") not in shown


@pytest.mark.parametrize(
    ("location", "kept"),
    [
        ("/other", True),
        ("https://a.example:443/other", True),
        ("https://b.example/other", False),
        ("https://a.example:444/other", False),
        ("http://a.example/other", False),
        ("//b.example/other", False),
        ("https://x:y@b.example/other", False),
    ],
)
def test_credentials_stay_with_their_origin(location: str, kept: bool) -> None:
    there = parse("https://me:secret@a.example/").joined(location)

    assert there.path == "/other"
    assert there.authorization == (basic("me", "secret") if kept else None)


def test_credentials_do_not_come_back_after_a_detour() -> None:
    back = parse("https://me:secret@a.example/").joined("https://b.example/").joined("https://a.example/")

    assert back.authorization is None


def test_a_redirect_to_another_scheme_is_refused() -> None:
    with pytest.raises(FetchFailed) as caught:
        parse("https://a.example/").joined("file:///etc/passwd")

    assert caught.value.fault is FetchFault.BAD_ADDRESS

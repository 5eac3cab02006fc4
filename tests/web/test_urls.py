import pytest
from starlette.requests import Request

from polyscribe.web import urls


def request(root_path: str = "", **headers: str) -> Request:
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request(
        {
            "type": "http",
            "method": "GET",
            "scheme": "http",
            "server": ("127.0.0.1", 8080),
            "path": "/x",
            "query_string": b"",
            "root_path": root_path,
            "headers": raw,
        }
    )


def test_what_is_configured_wins() -> None:
    found = urls.base("https://stt.example.org/faces/twilio/", request(host="a.test", x_forwarded_host="b.test"))

    assert found == "https://stt.example.org/faces/twilio"


def test_the_host_of_the_request_is_the_base() -> None:
    assert urls.base(None, request(host="127.0.0.1:8080")) == "http://127.0.0.1:8080"


def test_what_a_proxy_forwards_wins_over_what_we_see() -> None:
    headers = {"x_forwarded_proto": "https", "x_forwarded_host": "stt.example.org, inner", "x_forwarded_prefix": "/a/"}

    assert urls.base(None, request(host="inner:8080", **headers)) == "https://stt.example.org/a"


@pytest.mark.parametrize("host", ['a"b', "a/b", "<script>", ""])
def test_a_host_that_is_none_is_not_repeated(host: str) -> None:
    assert urls.base(None, request(host=host)) == "http://localhost"


@pytest.mark.parametrize("header", ["x_forwarded_proto", "x_forwarded_host", "x_forwarded_prefix"])
def test_a_forwarded_header_that_makes_no_sense_is_passed_over(header: str) -> None:
    assert urls.base(None, request(host="a.test", **{header: "<b>"})) == "http://a.test"


def test_the_path_in_front_is_part_of_the_base() -> None:
    assert urls.base(None, request(root_path="/faces", host="a.test")) == "http://a.test/faces"


@pytest.mark.parametrize(("public", "prefix"), [(None, ""), ("https://a.test", ""), ("https://a.test/b/c/", "/b/c")])
def test_the_prefix_is_the_path_of_the_public_address(public: str | None, prefix: str) -> None:
    assert urls.prefix(public) == prefix

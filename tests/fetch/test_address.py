"""Only addresses of the open internet are reached, however a URL writes them."""

import socket

import pytest

from ragapp.errors import FetchFailed
from ragapp.fetch.address import is_public, resolve


@pytest.mark.parametrize(
    "address",
    ["93.184.216.34", "8.8.8.8", "2606:2800:220:1::1", "::ffff:8.8.8.8", "64:ff9b::808:808"],
)
def test_addresses_of_the_internet(address):
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0",
        "100.64.0.1", "224.0.0.1", "255.255.255.255", "192.0.2.1", "198.18.0.1",
        "::1", "::", "fe80::1", "fd00::1", "ff02::1",
        "::ffff:127.0.0.1", "::ffff:10.0.0.1", "2002:7f00:1::", "64:ff9b::7f00:1",
        "2001:0:53aa:64c:0:fbff:f5ff:fffe",
    ],
)  # fmt: skip
def test_addresses_of_networks_that_a_list_should_not_reach(address):
    assert not is_public(address)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/", "http://localhost:8080/x", "http://LOCALHOST./", "http://[::1]/",
        "http://2130706433/", "http://0x7f.1/", "http://0177.0.0.1/", "http://127.1/",
        "http://169.254.169.254/latest/meta-data/", "https://192.168.0.1/admin",
        "http://[::ffff:169.254.169.254]/", "http://0/", "http://①②⑦.0.0.1/",
    ],
)  # fmt: skip
def test_private_ones_are_refused_however_they_are_written(url):
    with pytest.raises(FetchFailed) as refused:
        resolve(url)
    assert refused.value.code in ("fetch_private_address", "fetch_unknown_host", "fetch_not_a_url")


@pytest.mark.parametrize(
    "url",
    [
        "", "example.org", "ftp://example.org/x", "file:///etc/passwd", "http://", "javascript:1",
        "http://user:password@8.8.8.8/", "http://@8.8.8.8/", "http://8.8.8.8:99999/",
        "gopher://8.8.8.8/", "http://a b/", "//8.8.8.8/x",
    ],
)  # fmt: skip
def test_what_is_no_url_of_a_page(url):
    with pytest.raises(FetchFailed, match="address"):
        resolve(url)


def test_a_name_with_one_private_address_is_refused(monkeypatch):
    answer = [
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 80))
        for address in ("93.184.216.34", "10.0.0.1")
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answer)
    with pytest.raises(FetchFailed, match="--allow-private"):
        resolve("http://both.example/")


def test_a_target_says_whom_to_ask_for_what():
    target = resolve("https://8.8.8.8:8443/a%20b?q=1#part")
    assert target.direct_url == "https://8.8.8.8:8443/a%20b?q=1"
    assert target.authority == "8.8.8.8:8443"
    assert resolve("http://8.8.8.8").direct_url == "http://8.8.8.8:80/"
    assert resolve("http://[2606:2800:220:1::1]/").authority == "[2606:2800:220:1::1]"

"""Which API a client calls, and that both clients have the same methods."""

import inspect
import os
from typing import Any

import pytest
from aijobs_client import AsyncClient, Client, NoKey
from aijobs_client.target import DEFAULT_URL, KEY_VARIABLE, URL_VARIABLE, Target

from aijobs.settings import Settings


def test_without_a_key_it_says_where_one_may_come_from() -> None:
    with pytest.raises(NoKey, match="AIJOBS_CLI__KEY"):
        Client()


def test_the_environment_is_the_command_lines() -> None:
    os.environ |= {URL_VARIABLE: "https://jobs.example.com", KEY_VARIABLE: "aijobs_key"}

    found = Target.resolve(url=None, key=None, user=None)

    assert (found.url, found.key) == ("https://jobs.example.com", "aijobs_key")
    assert Settings.load().cli.url == found.url


def test_what_is_given_comes_first() -> None:
    os.environ |= {URL_VARIABLE: "https://jobs.example.com", KEY_VARIABLE: "aijobs_key"}

    found = Target.resolve(url="https://other.example.com", key="other", user="ada")

    assert (found.url, found.key, found.user) == ("https://other.example.com", "other", "ada")
    assert Target.resolve(url=None, key="k", user=None).url == "https://jobs.example.com"
    assert Settings().base_url == DEFAULT_URL


def test_a_key_is_not_shown() -> None:
    assert "secret" not in repr(Target(url=DEFAULT_URL, key="secret"))


@pytest.mark.parametrize("url", ["jobs.example.com", "ftp://jobs.example.com", "http://", "http://a:b", " "])
def test_an_address_that_is_none_is_named(url: str) -> None:
    with pytest.raises(ValueError, match="no address"):
        Client(url=url, key="k")


@pytest.mark.parametrize(
    "wrong", [{"key": "k\n"}, {"key": "ключ"}, {"key": "k", "user": ""}, {"key": "k", "user": "a\r\nb"}]
)
def test_what_cannot_stand_in_a_header_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="cannot be"):
        Client(**wrong)


def test_both_clients_have_the_same_surface() -> None:
    def surface(client: type) -> dict[str, list[str]]:
        return {
            name: list(inspect.signature(method).parameters)
            for name, method in inspect.getmembers(client, inspect.isfunction)
            if not name.startswith("_") or name == "__init__"
        }

    assert surface(Client) == surface(AsyncClient)

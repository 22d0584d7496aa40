"""The read-only page, over real sockets."""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from widgets.page import Page


@pytest.fixture
def page(observatory: Any) -> Iterator[Page]:
    made = Page(observatory)
    yield made
    made.close()
    made.close()


def ask(url: str, method: str = "GET", **headers: str) -> tuple[str, Any]:
    request = urllib.request.Request(url, method=method, headers=headers)
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.read().decode(), answer.headers


def test_it_shows_what_the_panels_show_and_can_run_no_foreign_script(
    page: Page, observatory: Any, made_up: Any
) -> None:
    whole, headers = ask(page.url)
    assert "Nothing here commands" in whole and "<button" not in whole and "{css}" not in whole
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and policy.split("nonce-")[1].split("'")[0] in whole
    assert "http" not in whole.replace("http://www.w3.org/2000/svg", ""), "nothing comes from elsewhere"
    told = json.loads(ask(page.url + "cards")[0])
    assert "San Pedro Mártir" in told["cards"]["header"] and "camera" in told["cards"]["devices"]
    assert len(told["charts"]["chart"]["curves"]) == 7 and len(told["charts"]["skymap"]["things"]) == 6
    assert [s["name"] for s in told["charts"]["strips"]["strips"]][:2] == ["temperature", "humidity"]
    assert "last 5 h 59" in told["cards"]["strips-title"]
    observatory.picture = made_up.stopped()
    told = json.loads(ask(page.url + "cards")[0])
    assert "observatory stopped" in told["cards"]["header"] and told["cards"]["devices"] == ""
    assert told["charts"] == {}
    assert observatory.commands == [], "it never starts anything"


def test_an_image_has_an_address_of_its_own(page: Page, observatory: Any) -> None:
    cameras = json.loads(ask(page.url + "cards")[0])["cards"]["cameras"]
    first, second = re.findall(r'src="(image/[^"]+)"', cameras)
    with urllib.request.urlopen(page.url + first, timeout=10) as answer:
        assert answer.read() == observatory.picture.images[0].png
        assert answer.headers["Content-Type"] == "image/png" and "immutable" in answer.headers["Cache-Control"]
    newer, _ = observatory.picture.images
    observatory.change(images=(replace(newer, path="data/another.fits"),))
    assert first not in json.loads(ask(page.url + "cards")[0])["cards"]["cameras"] and first != second


def test_it_takes_no_command_and_no_other_name(page: Page, observatory: Any) -> None:
    for url, method, headers, status in (
        (page.url, "POST", {}, 501),
        (page.url + "../etc/passwd", "GET", {}, 404),
        (page.url + "start", "GET", {}, 404),
        (page.url + "image/nobody/00000000", "GET", {}, 404),
        (page.url, "GET", {"Host": "observatory.example:80"}, 403),
    ):
        with pytest.raises(urllib.error.HTTPError) as refused:
            ask(url, method, **headers)
        assert refused.value.code == status
        refused.value.close()
    assert observatory.commands == []


def test_a_broken_card_hides_no_other(page: Page, observatory: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from widgets import page as module

    def broken(_: Any) -> str:
        raise ValueError("no such thing")

    monkeypatch.setattr(module, "_CARDS", {**module._CARDS, "dome": broken})
    cards = json.loads(ask(page.url + "cards")[0])["cards"]
    assert "be shown; the log says why" in cards["dome"] and "San Pedro" in cards["header"]

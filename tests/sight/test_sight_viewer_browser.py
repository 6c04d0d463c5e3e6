"""The viewer in a real browser."""

import threading
from contextlib import contextmanager

import numpy as np
import pytest
from plain_sets import ball, box, damage_record, record, write_set

from necgs_cli.model_set import open_container
from necgs_cli.report.viewed_set import ViewedSet
from necgs_cli.report.viewer import ViewerServer

CARDS = "[...document.querySelectorAll('.card .label')].map(e => e.textContent)"


@contextmanager
def served(path):
    """The address of a viewer of the set at `path`."""
    with open_container(path) as container, ViewerServer(ViewedSet(container, str(path))) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server.address
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def small_set(tmp_path):
    models = [
        record("img10.obj", *box()),
        record("img2.obj", *ball(), p2s=5e-3),
        record("a/broken.ply", *ball(subdivisions=1)),
    ]
    path = write_set(tmp_path / "set.ncgs", models)
    damage_record(path, "a/broken.ply")
    return path


def test_models_are_listed_with_pictures_found_and_ordered(browser, small_set):
    with served(small_set) as address:
        browser.open(address)
        browser.wait("document.querySelectorAll('.card img').length === 2")
        browser.wait("document.querySelectorAll('.card')[2].innerText.startsWith('cannot be shown')")
        browser.fill("select", "by name")
        assert browser.run(CARDS) == ["a/broken.ply", "img2.obj", "img10.obj"]
        browser.fill("input", "IMG1")
        browser.wait(f"String({CARDS}) === 'img10.obj'")
        browser.fill("input", "nothing")
        browser.wait("document.querySelector('.list .hint').textContent === 'No model of that name.'")


def test_a_model_is_shown_in_3d_with_its_downloads(browser, small_set):
    with served(small_set) as address:
        browser.open(address)
        browser.wait("document.querySelectorAll('.card').length === 3")
        browser.run("document.querySelectorAll('.card')[0].click()")
        browser.wait("document.querySelectorAll('.downloads a').length === 5")
        browser.run("new Promise(requestAnimationFrame).then(() => new Promise(requestAnimationFrame))")
        picture = browser.screenshot(selector=".scene canvas").astype(int)
        background = picture[12, 12]
        assert 0.1 < (np.abs(picture - background).max(axis=2) > 12).mean() < 0.8
        facts = browser.run("document.querySelector('.facts').innerText")
        assert "12 triangles" in facts and "× 2 × 3 source units" in facts and "0.0500 %" in facts
        assert browser.run("document.querySelector('.downloads a').href").startswith(address)
        assert [error for error in browser.errors if "422" not in error] == []


def test_a_model_that_cannot_be_decoded_says_why(browser, small_set):
    with served(small_set) as address:
        browser.open(f"{address}#2")
        message = "document.querySelector('.scene-message').textContent"
        browser.wait(f"document.querySelector('.scene-message') && {message}.includes('cannot')")
        assert "checksum" in browser.run(message)
        assert browser.run("document.querySelectorAll('.downloads a').length") == 0


def test_without_webgl_the_rest_stays_usable(browser, small_set):
    with served(small_set) as address, browser.before_each_page("HTMLCanvasElement.prototype.getContext = () => null"):
        browser.open(f"{address}#0")
        browser.wait("document.querySelectorAll('.downloads a').length === 5")
        assert "WebGL" in browser.run("document.querySelector('.scene-message').textContent")


@pytest.mark.parametrize("width", [400, 820, 1600])
def test_nothing_stands_out_of_the_window(browser, tmp_path, width):
    browser.size(width)
    models = [record(f"{n} " + 12 * "name_without_blanks", *box()) for n in range(3)]
    with served(write_set(tmp_path / "set.ncgs", models)) as address:
        browser.open(f"{address}#1")
        browser.wait("document.querySelectorAll('.downloads a').length === 5")
        assert browser.run("document.documentElement.scrollWidth") <= width
        assert browser.run("(e => e.scrollWidth <= e.clientWidth)(document.querySelector('.detail'))")
        if width < 820:
            browser.run("document.querySelector('.close').click()")
            assert browser.run("getComputedStyle(document.querySelector('.detail')).display") == "none"
        assert browser.errors == []


def test_an_empty_set_is_said(browser, tmp_path):
    with served(write_set(tmp_path / "set.ncgs", [])) as address:
        browser.open(address)
        assert browser.wait("document.querySelector('.list .hint')?.textContent") == "This set holds no models."
        assert browser.errors == []


def test_of_a_thousand_models_only_those_in_sight_are_drawn(browser, tmp_path):
    one = record("x", *box())
    models = [type(one)(**{**vars(one), "name": f"{n:04d}.obj"}) for n in range(1000)]
    with served(write_set(tmp_path / "set.ncgs", models)) as address:
        browser.open(address)
        browser.wait("document.querySelectorAll('.card img').length > 4")
        assert browser.run("document.querySelectorAll('.card').length") == 200
        browser.run("document.querySelector('.list').scrollTo(0, 1e6)")
        browser.wait("document.querySelectorAll('.card').length === 400")
        assert browser.run("document.querySelectorAll('.card img').length") < 150
        browser.run("document.querySelector('.card').focus()")
        browser.key("ArrowRight")
        assert browser.run("document.activeElement.textContent").startswith("0001.obj")
        assert browser.run("document.querySelectorAll('.card[tabindex=\"0\"]').length") == 1
        assert browser.errors == []

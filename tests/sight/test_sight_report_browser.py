"""The report in a real browser, from a file, without a network."""

import numpy as np
import pytest
from comparisons import comparison, row, scene

from necgs_cli.report.html import write_report

NAMES = "[...document.querySelectorAll('.data .name')].map(e => e.textContent)"
READY = "document.querySelector('.scene-caption')?.textContent"
ROWS = [
    row(0, "ball.ply", 2e-3, record_bytes=300),
    row(1, "img10.obj", 1e-3, record_bytes=100, kind="loop"),
    row(2, "img2.obj", 4e-3, record_bytes=200),
    row(3, "unmeasured.obj", None),
]


@pytest.fixture
def opened(browser, tmp_path):
    """Opens the report of a comparison, waits until its 3D view is filled; gives the browser."""

    def open_report(found, scenes=()):
        path = tmp_path / "report.html"
        write_report(found, scenes, path)
        browser.open(path.as_uri())
        browser.wait(READY if scenes else "document.querySelector('footer') !== null")
        return browser

    return open_report


def four(**changes):
    return comparison([dict(each) for each in ROWS], **changes)


def drawn(page):
    """The 3D view as int (height, width, 3), once what was asked for is drawn; without the frame that shows focus."""
    page.run("new Promise(requestAnimationFrame).then(() => new Promise(requestAnimationFrame))")
    return page.screenshot(selector=".scene canvas")[8:-8, 8:-8].astype(int)


def colourful(picture):
    """How many pixels are clearly no grey."""
    return int((np.ptp(picture, axis=2) > 40).sum())


def test_the_worst_model_stands_first_and_columns_sort(opened):
    page = opened(four(), [scene()])
    assert page.run(NAMES) == ["img2.obj", "ball.ply", "img10.obj", "unmeasured.obj"]
    page.run("document.querySelector('.data thead button').click()")
    assert page.run(NAMES) == ["ball.ply", "img2.obj", "img10.obj", "unmeasured.obj"]
    assert page.run("document.querySelector('.data thead th').getAttribute('aria-sort')") == "ascending"
    page.run("[...document.querySelectorAll('.data thead button')].find(e => e.textContent === 'Bytes').click()")
    assert page.run(NAMES)[0] == "ball.ply"
    assert page.errors == []


def test_search_leaves_what_matches_and_says_when_nothing_does(opened):
    page = opened(four())
    page.fill(".table input", "IMG")
    page.wait("document.querySelector('.table-status').textContent === '2 of 4 models'")
    assert sorted(page.run(NAMES)) == ["img10.obj", "img2.obj"]
    page.fill(".table input", "nothing of this kind")
    page.wait("document.querySelector('.table-status').textContent === 'No model of that name.'")
    assert page.run(NAMES) == []


def test_both_surfaces_are_drawn_and_coloured_where_they_err(opened):
    page = opened(four(), [scene(unit="mm")])
    picture = drawn(page)
    height, width = picture.shape[:2]
    for half in (picture[:, : width // 2], picture[:, width // 2 :]):
        assert colourful(half[: height // 2]) > 0.02 * half[..., 0].size
        assert colourful(half[int(0.6 * height) :]) < 0.2 * colourful(half[: height // 2])
    assert "mm" in page.run("document.querySelector('.ramp-title').textContent")
    ends = page.run("[...document.querySelectorAll('.legend-ticks span')].map(e => e.textContent)")
    assert ends[0].startswith("0") and ends[2].startswith("0.08") and "2 %" in ends[2]
    page.run("document.querySelector('.tools .toggle').click()")
    assert colourful(drawn(page)) == 0
    assert page.errors == []


def test_keys_turn_both_views_and_home_brings_them_back(opened):
    page = opened(four(), [scene()])
    page.run("document.querySelector('.tools button:nth-of-type(2)').click()")  # wireframe: a ball shows its turning
    page.run("document.querySelector('.scene canvas').focus()")
    before = drawn(page)
    for _ in range(3):
        page.key("ArrowRight")
    turned = drawn(page)
    middle = before.shape[1] // 2
    for half in (np.s_[:, :middle], np.s_[:, middle:]):
        assert (np.abs(turned[half] - before[half]).max(axis=2) > 20).mean() > 0.01
    page.key("Home")
    assert (np.abs(drawn(page) - before) > 20).mean() < 0.001
    assert page.errors == []


def test_a_model_of_the_table_is_shown_in_3d(opened):
    page = opened(four(), [scene(), scene("img2.obj", note="shown with fewer triangles")])
    page.run("document.querySelector('.data tbody button').click()")
    caption = page.wait(f"({READY}).includes('img2.obj') && {READY}")
    assert "shown with fewer triangles" in caption and "mean error 0.200 %" in caption


@pytest.mark.parametrize("width", [400, 820, 1600])
@pytest.mark.parametrize("dark", [False, True])
def test_nothing_stands_out_of_the_page(opened, browser, width, dark):
    browser.size(width, dark=dark)
    long = [row(9, "a/very/long/folder/" + 20 * "name_without_blanks" + ".obj", kind="loop-creased")]
    points = [{"peer": "draco", "model": "ball.ply", "bytes": 4_000 * n, "p2s": 1e-3 / n} for n in (1, 2, 3)]
    skipped = [{"name": 40 * "x", "reason": "no surface"}]
    page = opened(comparison([*ROWS[:3], *long], peers=points, skipped=skipped, missing=["lost.obj"]), [scene()])
    assert page.run("document.documentElement.scrollWidth") <= width
    assert page.run("document.querySelectorAll('.plot svg .hollow').length") == 3
    assert page.errors == []


@pytest.mark.parametrize("rows", [[], ROWS[:1], ROWS[3:], [row(0, "exact", 0.0)]])
def test_small_and_unmeasured_sets_are_said_and_drawn(opened, rows):
    found = comparison(rows, sections=[]) if rows else comparison([], sections=[], summary={})
    if rows == ROWS[3:]:
        found["summary"] = {"models": 1, "p2s": None, "max_error": None}
    page = opened(found)
    text = page.run("document.body.innerText")
    assert "NaN" not in text and "undefined" not in text and "Infinity" not in text and "null" not in text
    assert page.run("document.querySelector('#scenes')") is None
    assert page.errors == []


def test_two_hundred_models_and_their_peers(opened):
    rows = [row(n, f"folder {n // 20}/{n}.obj", 1e-3 * (1 + n % 7), record_bytes=100 + n) for n in range(250)]
    peers = [{"peer": "draco", "model": each["name"], "bytes": 5_000 + n, "p2s": 1e-3} for n, each in enumerate(rows)]
    page = opened(comparison(rows, peers=peers))
    assert page.run("document.querySelectorAll('.data tbody tr').length") == 200
    page.run("[...document.querySelectorAll('.table button')].find(e => e.textContent === 'Show all 250').click()")
    assert page.run("document.querySelectorAll('.data tbody tr').length") == 250
    page.run("document.querySelector('.plot svg').focus()")
    page.key("ArrowRight")
    assert "mean error" in page.run("document.querySelector('.tip').textContent")
    assert page.errors == []

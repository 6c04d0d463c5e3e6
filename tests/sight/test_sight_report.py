import html.parser
import json
import re
from importlib.resources import files

import pytest
from comparisons import comparison, row, scene

from necgs_cli.report.html import report_page, write_report
from necgs_cli.report.web_files import MODULES, report_modules, viewer_modules, web_text


class Elements(html.parser.HTMLParser):
    """Start tags of a page with their attributes, and the text of each script by its id."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.scripts, self._id = [], {}, None
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self._id = dict(attrs).get("id") if tag == "script" else None

    def handle_data(self, data):
        if self._id:
            self.scripts[self._id] = self.scripts.get(self._id, "") + data


def test_a_report_is_one_file_whose_size_is_told(tmp_path):
    path = tmp_path / "report.html"
    path.write_text("an older report")
    assert write_report(comparison([row(0, "ball.ply")]), [scene()], path) == path.stat().st_size
    assert [each.name for each in tmp_path.iterdir()] == ["report.html"]
    page = path.read_text()
    assert not [attrs for _, attrs in Elements(page).tags if {"src", "href"} & set(attrs)]
    assert "default-src 'none'" in page


def test_a_failed_report_leaves_the_older_one_and_nothing_else(tmp_path):
    path = tmp_path / "report.html"
    path.write_text("an older report")
    huge = scene(side=1.78e308)  # the decoded one is larger still, and its extent no number
    with pytest.raises(ValueError):
        write_report(comparison([row(0, "ball.ply")]), [huge], path)
    assert [each.read_text() for each in tmp_path.iterdir()] == ["an older report"]


def test_names_cannot_leave_their_place():
    name = '</script><img src=x onerror="1">&\u2028$data'
    page = report_page(comparison([row(0, name)], set=f"{name}.ncgs"), [scene(name)])
    found = Elements(page)
    assert "img" not in {tag for tag, _ in found.tags}
    assert json.loads(found.scripts["data"])["comparison"]["models"][0]["name"] == name


def test_numbers_that_json_lacks_become_null():
    data = json.loads(Elements(report_page(comparison([row(0, "a", p2s=float("nan"))]), [])).scripts["data"])
    assert data["comparison"]["models"][0]["p2s"] is None


def test_modules_are_known_under_the_names_that_they_import_each_other_by():
    bare = re.compile(r"""^(?:import|export)\s[^;]*?from\s*["']([^"']+)["']""", re.MULTILINE)
    for modules in (report_modules(), viewer_modules()):
        for name in modules:
            imported = set(bare.findall(web_text(MODULES[name])))
            assert imported <= set(modules), f"{name} imports {imported - set(modules)}"
    assert set(bare.findall(web_text("viewer.js"))) <= set(viewer_modules())


def test_every_file_of_the_front_end_is_used():
    folder = files("necgs_cli.report") / "web"
    found = {each.name for each in folder.iterdir() if each.is_file()}
    pages = {"style.css", "viewer.css", "viewer.js", "viewer.html", "report.html", "loader.js"}
    assert found == pages | {path for path in MODULES.values() if "/" not in path}
    assert {each.name for each in (folder / "vendor").iterdir()} >= {"LICENSE", "README.md", "OrbitControls.js"}

"""The models that a report shows: worst, middle and best, with the distance of each vertex in source units."""

import numpy as np
import pytest
from plain_sets import ball, record, write_set

import necgs_cli
from necgs_cli.prepare import Input
from necgs_cli.progress import Progress
from necgs_cli.report import error_scenes
from necgs_cli.report.error_scenes import choose


@pytest.mark.parametrize(
    ("count", "chosen"),
    [(1, [0]), (3, [0, 1, 2]), (5, [0, 1, 2, 3, 4]), (9, list(range(9))), (20, [0, 1, 2, 8, 9, 10, 17, 18, 19])],
)
def test_worst_middle_and_best_are_chosen_once_each(count, chosen):
    rows = [{"id": i} for i in range(count)]
    assert [row["id"] for row, _ in choose(rows)] == chosen


def test_chosen_models_say_why():
    notes = [why for _, why in choose([{"id": i} for i in range(20)])]
    assert notes == ["among the worst"] * 3 + ["in the middle"] * 3 + ["among the best"] * 3


def scene_of(tmp_path, grow, monkeypatch=None, most=None):
    if most:
        monkeypatch.setattr(error_scenes, "MOST_TRIANGLES", most)
    mesh = ball(5.0, subdivisions=3)
    path = write_set(tmp_path / "s.ncgs", [record("model_0", *mesh, grow=grow)])
    found = necgs_cli.compare([mesh], path, samples=2_000)
    scenes = error_scenes.error_scenes(found, [Input("model_0", mesh)], path, 1, Progress())
    assert len(scenes) == 1
    return scenes[0]


def test_errors_at_vertices_are_distances_in_source_units(tmp_path):
    scene = scene_of(tmp_path, 1.02)
    for vertices, faces, error in (scene.original, scene.decoded):
        assert len(error) == len(vertices) and faces.max() < len(vertices)
        assert error == pytest.approx(np.full(len(error), 0.1), rel=0.1)
    assert (scene.name, scene.id) == ("model_0", 0)


def test_a_large_original_is_thinned_for_the_picture_and_that_is_said(tmp_path, monkeypatch):
    scene = scene_of(tmp_path, 1.0, monkeypatch, most=400)
    vertices, faces, error = scene.original
    assert 0 < len(faces) <= 440
    assert "original shown with" in scene.note and "1,280 triangles" in scene.note
    assert np.linalg.norm(vertices, axis=1) == pytest.approx(np.full(len(vertices), 5), rel=0.05)


def test_the_report_is_one_file_with_the_figures(tmp_path):
    meshes = [ball(), ball(2.0)]
    path = write_set(tmp_path / "s.ncgs", [record(f"model_{i}", *mesh) for i, mesh in enumerate(meshes)])
    necgs_cli.compare(meshes, path, report=tmp_path / "r.html", samples=2_000)
    page = (tmp_path / "r.html").read_text()
    assert "model_0" in page and "model_1" in page
    assert [each.name for each in tmp_path.iterdir() if each.name.endswith(".part")] == []

"""Triangle soup: control meshes are made from a clean surface of it, and measured against the soup itself."""

from pathlib import Path

import numpy as np
import pytest

import necgs_cli.explicit.search as search
from necgs_cli.explicit.bound import Bound
from necgs_cli.explicit.clean import clean_surface, is_soup, resolution_for
from necgs_cli.explicit.search import Search
from necgs_cli.explicit.simplify import weld
from necgs_cli.explicit.subdivide import unique_edges
from necgs_cli.meshes.placement import Placement
from necgs_cli.meshes.read import read_mesh

MESHES = Path(__file__).parents[2] / "examples" / "meshes"
BOUND = Bound(4e-3)


def example(name: str) -> tuple[np.ndarray, np.ndarray]:
    mesh = read_mesh(MESHES / name).mesh
    return Placement.of(mesh.vertices).to_unit(mesh.vertices), mesh.faces


def soup_of(vertices: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Every triangle by itself, a little off its place, half of them reversed."""
    rng = np.random.default_rng(0)
    corners = vertices[faces] + rng.uniform(-1e-5, 1e-5, (len(faces), 3, 3))
    reversed_ = rng.random(len(faces)) < 0.5
    corners[reversed_] = corners[reversed_, ::-1]
    return corners.reshape(-1, 3), np.arange(3 * len(faces)).reshape(-1, 3)


@pytest.fixture(scope="module")
def nut_soup():
    return soup_of(*example("wing_nut.obj"))


@pytest.fixture(scope="module")
def found(nut_soup):
    """A search, and the best that it found."""
    search_of_soup = Search(*nut_soup)
    return search_of_soup, search_of_soup.best(BOUND)


def test_a_soup_of_a_closed_mesh_costs_a_fraction_of_its_triangles_and_keeps_the_bound(nut_soup, found):
    assert found[1].bytes < 0.05 * found[0].own_triangles(BOUND).bytes
    assert BOUND.ratio(Search(*nut_soup).measure(found[1].mesh)) <= 1


def test_the_curve_of_a_soup_is_that_of_its_clean_surface_measured_to_the_soup(found):
    search_of_soup, best = found
    points = search_of_soup.curve(best, ())
    assert len({p.vertex_count for p in points}) > 1
    for point in (min(points, key=lambda p: p.bytes), min(points, key=lambda p: p.p2s)):
        assert point.p2s == search_of_soup.measure(point.mesh).p2s


def test_a_soup_keeps_within_few_bytes(nut_soup):
    point = Search(*nut_soup).within(120)
    assert point.bytes <= 120
    assert point.p2s < 1.5 * BOUND.mean


def test_a_clean_surface_of_soup_is_closed_and_near(nut_soup):
    vertices, faces = clean_surface(*nut_soup, 4e-3)
    assert (unique_edges(faces)[2] == 2).all()
    volume = np.einsum("ij,ij->", vertices[faces[:, 0]], np.cross(vertices[faces[:, 1]], vertices[faces[:, 2]])) / 6
    true_vertices, true_faces = example("wing_nut.obj")
    a, b, c = (true_vertices[true_faces[:, k]] for k in range(3))
    assert volume == pytest.approx(np.einsum("ij,ij->", a, np.cross(b, c)) / 6, rel=0.02)  # no second, inner side


@pytest.mark.parametrize("name", ["koala.ply", "rover.ply", "utility_vehicle.ply"])
def test_meshes_that_hang_together_are_not_sent_through_the_field(name, monkeypatch):
    def refuse(*_):
        raise AssertionError("a clean mesh was sent through the field")

    vertices, faces = example(name)
    monkeypatch.setattr(search, "clean_surface", refuse)
    assert not is_soup(weld(vertices, faces)[1])
    assert Search(vertices, faces)._cleaned(4e-3) is None
    with pytest.raises(AssertionError):
        Search(*soup_of(vertices, faces))._cleaned(4e-3)


@pytest.mark.parametrize("scale, taken", [(1.0, True), (0.99, False)])
def test_a_clean_surface_that_is_off_by_more_than_the_bound_is_dropped(nut_soup, scale, taken, monkeypatch):
    vertices, faces = example("wing_nut.obj")
    monkeypatch.setattr(search, "clean_surface", lambda *_: (scale * vertices, faces))
    assert (Search(*nut_soup)._cleaned(2e-3) is not None) == taken


def test_the_lattice_follows_the_error():
    assert [resolution_for(e) for e in (1.0, 4e-3, 2e-3, 1e-3, 1e-6)] == [64, 64, 128, 256, 256]

"""The contact sheet holds every model, and shows what the decoded mesh lacks as well as what it adds."""

import numpy as np
import pytest
from PIL import Image

from necgs_cli.metrics.surface import Reference
from necgs_cli.report.colours import error_colours, to_display
from necgs_cli.report.contact_sheet import Pair, _fitting_end, contact_sheet


@pytest.fixture(scope="module")
def two_balls():
    import trimesh

    ball = trimesh.creation.icosphere(subdivisions=2)
    vertices, faces = np.asarray(ball.vertices), np.asarray(ball.faces)
    both = np.concatenate([vertices, vertices + (3, 0, 0)]), np.concatenate([faces, faces + len(vertices)])
    return both, (vertices, faces)


def dark(picture):
    """Pixels in the colour of the scale's dark end: much more blue than green."""
    return (picture[..., 2].astype(int) - picture[..., 1] > 40).sum()


def drawn(tmp_path, pairs, **options):
    contact_sheet(pairs, tmp_path / "sheet.png", size=80, **options)
    return np.asarray(Image.open(tmp_path / "sheet.png"))


def below_head(picture):
    return picture[92:]


def test_missing_part_is_marked(tmp_path, two_balls):
    both, one = two_balls
    lost = below_head(drawn(tmp_path, [Pair("lost", both, one)], error_end=1.0))
    kept = below_head(drawn(tmp_path, [Pair("kept", both, both)], error_end=1.0))
    assert dark(lost) > 200
    assert dark(kept) == 0


def test_part_that_was_added_is_marked(tmp_path, two_balls):
    (vertices, faces), (ball, ball_faces) = two_balls
    between = np.concatenate([vertices, 0.4 * ball + (1.5, 0, 0)])
    more = between, np.concatenate([faces, ball_faces + len(vertices)])
    assert dark(below_head(drawn(tmp_path, [Pair("added", (vertices, faces), more)], error_end=1.0))) > 30


def test_model_that_decodes_to_nothing_is_all_error(tmp_path, two_balls):
    both, _ = two_balls
    nothing = np.zeros((0, 3)), np.zeros((0, 3), int)
    assert dark(below_head(drawn(tmp_path, [Pair("nothing", both, nothing)]))) > 400


@pytest.mark.parametrize(("models", "rows"), [(1, 1), (3, 1), (4, 2), (7, 3)])
def test_every_model_gets_its_place(tmp_path, two_balls, models, rows):
    both, one = two_balls
    pairs = [Pair(f"model {i}", one, one, caption="1,234 bytes") for i in range(models)]
    picture = below_head(drawn(tmp_path, pairs, title="a set", error_end=1.0))
    cell = 44 + 80 + 24
    assert len(picture) == rows * cell
    for i in range(models):
        top, left = i // 3 * cell, 24 + i % 3 * (240 + 24)
        place = picture[top : top + cell, left : left + 240]
        assert all((place[44:124, k * 80 : (k + 1) * 80] < 250).any() for k in range(3))
        assert (place[3:40] < 128).any()  # its name


def test_long_names_and_any_script_are_drawn(tmp_path, two_balls):
    _, one = two_balls
    drawn(tmp_path, [Pair("a very long name " * 20, one, one), Pair("椅子 é", one, one)])


def test_no_models_are_refused(tmp_path):
    with pytest.raises(ValueError, match="no models"):
        contact_sheet([], tmp_path / "sheet.png")
    assert not (tmp_path / "sheet.png").exists()


def test_scale_ends_at_a_round_number_that_fits(two_balls):
    _, (vertices, faces) = two_balls
    reference = Reference(vertices, faces, samples=2_000)
    pair = Pair("grown", (vertices, faces), (1.03 * vertices, faces))  # 3 % of half the longest side
    assert _fitting_end([pair], [reference]) == pytest.approx(2)


def test_colours_fall_evenly_in_lightness_and_clamp():
    colours = error_colours(np.linspace(0, 1, 50))
    luminance = colours @ (0.2126, 0.7152, 0.0722)
    assert (np.diff(luminance) < 0).all()
    assert np.array_equal(error_colours(np.array([2.0, np.inf, np.nan])), error_colours(np.array([1.0, 1.0, 0.0])))
    assert to_display(np.array([0.0, 1.0, 0.2140411])).tolist() == [0, 255, 127]

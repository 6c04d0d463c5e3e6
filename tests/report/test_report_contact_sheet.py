"""The contact sheet holds every model, and shows what the decoded mesh lacks as well as what it adds."""

import numpy as np
import pytest
from PIL import Image

from necgs_cli.report.colours import error_colours, to_display
from necgs_cli.report.contact_sheet import (
    Pair,
    Tile,
    contact_sheet,
    draw_tile,
    fitting_end,
    lay_out,
    p99_percent,
    sheet_size,
)
from necgs_cli.report.view import Look


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
    pair = Pair("grown", (vertices, faces), (1.03 * vertices, faces))  # 3 % of half the longest side
    assert p99_percent(pair) == pytest.approx(1.5, abs=0.05)
    assert fitting_end([p99_percent(pair), None, np.inf]) == pytest.approx(2)


def test_without_originals_each_model_takes_one_picture(tmp_path, two_balls):
    _, one = two_balls
    picture = drawn(tmp_path, [Pair(f"model {i}", None, one) for i in range(2)], across=2)
    assert picture.shape[:2] == (56 + 44 + 80 + 24, 2 * (80 + 24) + 24)
    assert all((picture[100:180, 24 + i * 104 : 104 + i * 104] < 250).any() for i in range(2))


def test_a_model_without_original_among_others_keeps_its_columns(two_balls):
    both, one = two_balls
    tile = draw_tile(Pair("new", None, one), 40, error_end=1.0)
    assert [picture is None for picture in tile.pictures] == [True, False, True]
    sheet = lay_out([draw_tile(Pair("old", both, one), 40, 1.0), tile], 40, error_end=1.0)
    assert sheet.width >= 2 * (3 * 40 + 24) + 24


def test_a_look_holds_for_all_pictures_of_a_model(two_balls):
    both, _ = two_balls
    front = draw_tile(Pair("a", both, both), 40, 1.0, Look(azimuth=0, elevation=0, up="z")).pictures
    side = draw_tile(Pair("a", both, both), 40, 1.0, Look(azimuth=90, elevation=0, up="z")).pictures
    assert all((one != other).any() for one, other in zip(front, side, strict=True))
    assert np.array_equal(front[0], front[1])


@pytest.mark.parametrize("count", [1, 2, 24, 200, 1000])
def test_a_sheet_is_about_as_wide_as_high_and_has_room_for_all(count):
    across, (width, height) = sheet_size(count, 1, 190)
    rows = -(-count // across)
    assert across * rows >= count > across * (rows - 1)
    assert width == across * 214 + 24 and height == 56 + rows * 258
    if count > 10:
        assert 1 < width / height < 1.7


def test_a_sheet_that_no_machine_holds_is_refused():
    with pytest.raises(ValueError, match="too large"):
        sheet_size(100_000, 1, 190)


def test_a_narrow_sheet_is_as_wide_as_its_title():
    tile = Tile("a", "", (np.zeros((30, 30, 3), np.uint8),))
    wide = lay_out([tile], 30, title="a rather long title of a sheet with one model").width
    assert wide > lay_out([tile], 30, title="short").width
    assert lay_out([tile], 30, title="long " * 1000).width == 900


def test_colours_fall_evenly_in_lightness_and_clamp():
    colours = error_colours(np.linspace(0, 1, 50))
    luminance = colours @ (0.2126, 0.7152, 0.0722)
    assert (np.diff(luminance) < 0).all()
    assert np.array_equal(error_colours(np.array([2.0, np.inf, np.nan])), error_colours(np.array([1.0, 1.0, 0.0])))
    assert to_display(np.array([0.0, 1.0, 0.2140411])).tolist() == [0, 255, 127]

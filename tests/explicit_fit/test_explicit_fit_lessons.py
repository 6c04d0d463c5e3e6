"""Control meshes that learn from others of their family where these need vertices."""

from functools import partial

import numpy as np
import pytest
import trimesh

from necgs_cli.explicit.control_mesh import SMOOTH
from necgs_cli.explicit.fit import ORGANIC
from necgs_cli.explicit.lessons import Teacher, errors_on_others
from necgs_cli.explicit.pose import carried
from necgs_cli.explicit.search import Search
from necgs_cli.explicit.target import Target
from necgs_cli.families import evenly_spaced

MEAN = 2e-2
BALL = trimesh.creation.icosphere(4)
SMOOTH_BALL, FACES = np.array(BALL.vertices), np.array(BALL.faces)
WAVES = np.where(SMOOTH_BALL[:, :1] > 0.3, 1 - 0.06 * (1 + np.cos(14 * SMOOTH_BALL[:, 1:2])), 1.0)
WAVY_BALL = SMOOTH_BALL * WAVES  # the same, but waves at one end


def ball_search():
    return Search(SMOOTH_BALL, FACES)


def teacher(same_triangles=False):
    moved = partial(carried, before=SMOOTH_BALL, after=WAVY_BALL, faces=FACES) if same_triangles else None
    return Teacher(Target(WAVY_BALL, FACES), moved)


@pytest.mark.parametrize("same_triangles", [False, True])
def test_errors_lie_where_the_others_differ(same_triangles):
    mesh = ball_search().fit(40, SMOOTH, 14).mesh
    lesson = errors_on_others(mesh, [teacher(same_triangles)] * 2, ORGANIC, MEAN, 0)
    places, errors = lesson.places, lesson.errors
    at_the_end = places[:, 0] > 0.3
    assert np.abs(np.linalg.norm(places, axis=1) - 1).max() < 0.05, "on the first one, not on the other"
    assert errors.mean() == pytest.approx(1)
    assert 1e-3 < lesson.felt < 2.5 * MEAN
    assert errors[at_the_end].mean() > 2 * errors[~at_the_end].mean()


def test_the_next_collapses_spend_vertices_there():
    search = ball_search()
    counts = []
    for _ in range(4):
        mesh = search.fit(40, SMOOTH, 14).mesh
        counts.append((mesh.vertices[:, 0] > 0.3).sum())
        lesson = errors_on_others(mesh, [teacher()], ORGANIC, MEAN, 0)
        search.learn(lesson.places, lesson.errors)
    assert counts[-1] > 1.2 * counts[0]


def test_others_on_which_it_cannot_be_laid_teach_nothing():
    mesh = ball_search().fit(40, SMOOTH, 14).mesh
    plank = trimesh.creation.box((0.2, 2, 0.1)).subdivide().subdivide()
    other = Teacher(Target(np.array(plank.vertices), np.array(plank.faces)))
    lesson = errors_on_others(mesh, [other], ORGANIC, 1e-4, 0)
    assert len(lesson.places) == len(lesson.errors) == 0 and lesson.felt > 1e-4


@pytest.mark.parametrize("count, expected", [(0, []), (1, [0]), (3, [0, 1, 2]), (11, [0, 2, 4, 6, 8, 10])])
def test_teachers_are_spread_over_the_family(count, expected):
    assert evenly_spaced(count, 6) == expected

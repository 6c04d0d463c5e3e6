"""Where a family's control mesh leaves error on models other than its first: its next collapses spend vertices there.

A control mesh that was decimated from one body suits others less at shoulders, hands and bellies. So it is laid onto
some of them, and what it misses there counts on the first one as an error of its own would.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from .control_mesh import ControlMesh
from .fit import TOLD_BITS_PER_VERTEX, Fit, Manner, Regulariser
from .folding import whole_folding
from .patches import Patches
from .point import tail_of
from .pose import FARTHEST
from .registration import register
from .target import Target
from .triangles import sample_surface

SAMPLES = 10000


@dataclass(frozen=True, eq=False)
class Teacher:
    """A model of the family.

    Attributes:
        target: its original, in the frame that it shares with the first one.
        moved: takes points (n, 3) near the first one's original along to this one, where that is known.
    """

    target: Target
    moved: Callable[[np.ndarray], np.ndarray] | None = None


@dataclass(frozen=True, eq=False)
class Lesson:
    """Errors that a control mesh of the first model leaves on the others.

    Attributes:
        places, errors: (k, 3) on its surface, and (k,) distances there, of samples of the others over their mean; of
            those on which it can be laid.
        felt: the mean error on the others, tails counted; of those on which it cannot be laid, as far as is tried.
    """

    places: np.ndarray
    errors: np.ndarray
    felt: float


def errors_on_others(mesh: ControlMesh, teachers: Sequence[Teacher], manner: Manner, mean: float, seed: int) -> Lesson:
    """Lays a control mesh of the first model onto the others, before it is rounded to a grid.

    Args:
        mesh: of the first model; manner: of its fits; mean: the error that is asked for, unit frame.
        seed: of the samples.
    """
    import point_cloud_utils as pcu

    mesh = mesh.whole()
    faces = mesh.faces
    patches = Patches(faces, len(mesh.positions), mesh.creases, mesh.kind)
    surface, triangles = patches.mapping @ mesh.vertices, patches.faces.astype(np.int32)
    places, errors, felt = [np.zeros((0, 3))], [np.zeros(0)], []
    for teacher in teachers:
        target = teacher.target
        start = teacher.moved(mesh.vertices) if teacher.moved else register(target, patches, mesh.vertices)
        regulariser = Regulariser(faces, len(start))
        regulariser.bits_per_vertex = TOLD_BITS_PER_VERTEX[0]
        folding = whole_folding(mesh.mirrors, start, faces)
        fit = Fit(target, patches, regulariser, start, False, manner, mesh.vertices, folding)
        fit.improve(mesh.step)
        if not 0 < fit.error < FARTHEST * mean:
            felt.append(FARTHEST * mean)
            continue
        samples = sample_surface(target.corners, SAMPLES, np.random.default_rng([seed, 3]))[0]
        distances, face, weights = pcu.closest_points_on_mesh(samples, patches.mapping @ fit.vertices, triangles)
        places.append(np.einsum("nk,nkd->nd", weights, surface[triangles[face]]))
        errors.append(distances / distances.mean())
        figures = float(distances.mean()), float(np.quantile(distances, 0.99)), float(distances.max())
        felt.append(figures[0] * tail_of(*figures))
    return Lesson(np.concatenate(places), np.concatenate(errors), float(np.mean(felt)) if felt else 0.0)

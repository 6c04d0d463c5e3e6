"""A control mesh laid onto another original of like shape, without known correspondences.

Non-rigid iterated closest points (Amberg et al., CVPR 2007): the vertices move towards the surface under a stiffness
that ties each one's displacement to those of its neighbours, and that falls from round to round.
"""

import numpy as np

from .fit import INERTIA, ORGANIC, associate, umbrella
from .patches import Patches
from .rounding import factors_of
from .target import Target

STIFFNESS = (3.0, 1.0, 0.3, 0.1, 0.03)  # of the rounds, relative to the data


def register(target: Target, patches: Patches, start: np.ndarray) -> np.ndarray:
    """Vertices (n, 3) from which a fit to `target` can start.

    Args:
        patches: the surface as a function of the vertices; start: (n, 3) where they are on the other original, in a
            common frame.
    """
    import scipy.sparse as sp

    bend = umbrella(patches.control_faces, len(start))
    bend = (bend.T @ bend).tocsc()
    vertices, samples = start, target.samples_for(max(len(start), ORGANIC.least))
    for stiffness in STIFFNESS:
        quadratic = associate(target, patches, vertices, ORGANIC, samples)
        stiff, inertia = stiffness * quadratic.weight * bend, INERTIA * quadratic.weight
        extra = stiff + inertia * sp.identity(len(start))
        hessian = quadratic.hessian.tocsc() + sp.kron(extra, sp.identity(3), format="csc")
        pull = quadratic.gradient + stiff @ start + inertia * vertices
        vertices = factors_of(hessian).solve(pull.ravel()).reshape(-1, 3)
    return vertices

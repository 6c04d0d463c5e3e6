"""Where fits left most error: the next collapses spend more vertices there.

Mean error alone lets thin parts go, whose area is small. So the quadrics of the surface about a sample grow with the
squared distance that the fits before left there, which keeps ears, fingers and tails at sizes at which plain quadrics
lose them, and lowers the mean too.
"""

import numpy as np

KNEE = 1.5  # mean distances at which a sample's weight doubles
MOST = 20.0  # mean distances beyond which it grows no more
NEAREST = 4  # samples that a place is weighted by


class Importance:
    """Weights of an original's surface, learnt from fit to fit.

    Args:
        samples: (s, 3) points of the original, unit frame.
    """

    def __init__(self, samples: np.ndarray):
        self.samples, self.weights = samples, np.ones(len(samples))
        self.lessons = 0

    def learn(self, distances: np.ndarray) -> None:
        """Take in the distances (s,) between the samples and a fit."""
        from scipy.spatial import cKDTree

        mean = max(float(distances.mean()), 1e-300)
        if self.lessons == 0:
            self._around = cKDTree(self.samples).query(self.samples, k=NEAREST)[1]
        near = np.minimum(distances[self._around].mean(axis=1), MOST * mean)
        self.weights = self.weights * (1 + (near / (KNEE * mean)) ** 2)
        self.weights /= self.weights.mean()
        self.lessons += 1

    def learn_elsewhere(self, places: np.ndarray, distances: np.ndarray) -> None:
        """Take in distances (k,) at other places (k, 3) on the original or near it, at each sample those nearest."""
        from scipy.spatial import cKDTree

        nearest = cKDTree(self.samples).query(places)[1]
        count = np.bincount(nearest, minlength=len(self.samples))
        mean, told = np.bincount(nearest, distances, len(self.samples)) / np.maximum(count, 1), count > 0
        self.learn(mean[told][cKDTree(self.samples[told]).query(self.samples)[1]])

    def at(self, points: np.ndarray) -> np.ndarray:
        """Weights (n,) of places (n, 3) on the original."""
        from scipy.spatial import cKDTree

        if self.lessons == 0:
            return np.ones(len(points))
        return self.weights[cKDTree(self.samples).query(points)[1]]

"""The regions into which a surface parts the lattice: a graph of neighbouring samples, cut where the surface crosses.

Samples near the surface are nodes of their own; a brick away from it is one node, and so is everything beyond the
lattice. The graph has about K^2 nodes and is exact at the lattice's resolution: two samples are in the same region
when a path of lattice edges joins them without crossing a triangle.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from necgs_cli.field.distance import TRUNCATION, Band, sample_position

EDGE = 4  # samples along a brick; _node has it as shifts of 2 bits
AXES = np.eye(3, dtype=np.int64)
# Crossings are tested on a lattice shifted by this share of a step: faces of boxes like to lie on sample planes.
GENERIC_SHIFT = np.array([0.00171, 0.00263, 0.00389])


@dataclass(frozen=True, eq=False)
class RegionGraph:
    """Nodes and links of the lattice.

    Attributes:
        resolution: K.
        brick_map: int32 (K/4, K/4, K/4): row of a brick of single samples, or -1.
        nodes: int32 (K/4 + 2, ...): node of each brick, of its first sample where it has single samples; with a
            border of `beyond`.
        index: int64 (rows * 64, 3): lattice indices of the single samples, which are the first nodes. The bricks of
            brick_map follow in C order, and `beyond` is the last node.
        distance: float64 (rows * 64,): unsigned, infinite where not measured.
        links: int64 (l, 2): neighbouring nodes, first the pairs of single samples.
        weight: int64 (l,): lattice edges that a link stands for.
        blocked: bool (l,): the surface crosses the link.
    """

    resolution: int
    brick_map: np.ndarray
    nodes: np.ndarray
    index: np.ndarray
    distance: np.ndarray
    links: np.ndarray
    weight: np.ndarray
    blocked: np.ndarray

    @property
    def beyond(self) -> int:
        """The node of everything beyond the lattice."""
        return len(self.index) + self.brick_map.size

    def node(self, index: np.ndarray) -> np.ndarray:
        """Nodes of lattice indices (..., 3) from -4 to K + 3, int32 (...)."""
        return _node(self.nodes, len(self.index), index)

    def position(self, node: np.ndarray) -> np.ndarray:
        """Coordinates (n, 3) of samples and of the middles of bricks."""
        index = np.empty((len(node), 3))
        single = node < len(self.index)
        index[single] = self.index[node[single]]
        brick = np.stack(np.unravel_index(node[~single] - len(self.index), self.brick_map.shape), 1)
        index[~single] = brick * EDGE + (EDGE - 1) / 2
        return sample_position(index, self.resolution)

    def label(self, blocked: np.ndarray) -> np.ndarray:
        """Number of the region of every node, int32 (nodes,), when the given links are cut."""
        return components(self.beyond + 1, self.links[~blocked])


def components(nodes: int, links: np.ndarray) -> np.ndarray:
    """Connected components of an undirected graph: a label for each node."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    ones = np.ones(len(links), np.int8)
    graph = coo_array((ones, (links[:, 0].astype(np.int32), links[:, 1].astype(np.int32))), shape=(nodes, nodes))
    return connected_components(graph.tocsr(), directed=False)[1]


def region_graph(vertices: np.ndarray, faces: np.ndarray, band: Band) -> RegionGraph:
    """The graph of the band's level, cut by the surface.

    Args:
        vertices: float64 (n, 3), lattice frame.
        faces: int64 (m, 3).
        band: distances at that level.
    """
    resolution = band.resolution
    step = 2.0 / resolution
    side = resolution // EDGE
    near = band.distance < TRUNCATION * step
    used = np.zeros((side,) * 3, bool)
    used[tuple((band.index[near] // EDGE).T)] = True
    brick_map = np.full((side,) * 3, -1, np.int32)
    brick_map[used] = np.arange(used.sum(), dtype=np.int32)

    cell = np.stack(np.unravel_index(np.arange(EDGE**3), (EDGE,) * 3), -1)
    index = (np.argwhere(used)[:, None] * EDGE + cell).reshape(-1, 3)
    distance = np.full(len(index), np.inf)
    nodes = _node_table(brick_map)
    node = _node(nodes, len(index), band.index)
    single = node < len(index)
    distance[node[single]] = band.distance[single]

    links, weight, singles = _links(brick_map, nodes, index)
    first, second = links[:singles].T
    candidate = np.flatnonzero(distance[first] + distance[second] <= step * 1.02)
    blocked = np.zeros(len(links), bool)
    graph = RegionGraph(resolution, brick_map, nodes, index, distance, links, weight, blocked)
    hit = first_hit(vertices, faces, graph, links[candidate]) >= 0
    missed = candidate[~hit]  # a ray may slip between two triangles: cast it the other way as well
    blocked[candidate[hit]] = True
    blocked[missed] = first_hit(vertices, faces, graph, links[missed][:, ::-1]) >= 0
    return graph


def first_hit(vertices: np.ndarray, faces: np.ndarray, graph: RegionGraph, pairs: np.ndarray) -> np.ndarray:
    """The first triangle on the way from one sample to its neighbour, -1 for none, int64 (n,)."""
    import point_cloud_utils as pcu

    if not len(pairs):
        return np.zeros(0, np.int64)
    step = 2.0 / graph.resolution
    index = graph.index[pairs]
    start = sample_position(index[:, 0], graph.resolution) + GENERIC_SHIFT * step
    axis = (index[:, 1] - index[:, 0]).astype(np.float64)
    face, _, distance = pcu.ray_mesh_intersection(vertices, faces, start, axis, 0.0, step)
    face, distance = np.atleast_1d(face), np.atleast_1d(distance)  # a single ray gives scalars
    return np.where(np.isfinite(distance), face, -1).astype(np.int64).reshape(-1)


def _node_table(brick_map: np.ndarray) -> np.ndarray:
    singles = EDGE**3 * int(brick_map.max() + 1)
    table = np.full(np.array(brick_map.shape) + 2, singles + brick_map.size, np.int32)
    alone = singles + np.arange(brick_map.size, dtype=np.int32).reshape(brick_map.shape)
    table[1:-1, 1:-1, 1:-1] = np.where(brick_map >= 0, brick_map * EDGE**3, alone)
    return table


def _node(nodes: np.ndarray, singles: int, index: np.ndarray) -> np.ndarray:
    x, y, z = np.moveaxis(index.astype(np.int32, copy=False), -1, 0)
    node = nodes[(x >> 2) + 1, (y >> 2) + 1, (z >> 2) + 1]
    return node + np.where(node < singles, ((x & 3) << 4) + ((y & 3) << 2) + (z & 3), 0)


def _links(brick_map: np.ndarray, nodes: np.ndarray, index: np.ndarray) -> tuple[np.ndarray, np.ndarray, int]:
    """Links, their weights, and how many of them (the first) join two single samples."""
    singles = np.arange(len(index))
    flat: np.ndarray = len(index) + np.arange(brick_map.size).reshape(brick_map.shape)
    between, mixed, bricks = [], [], []
    for d, axis in enumerate(AXES):
        after = _node(nodes, len(index), index + axis)
        before = _node(nodes, len(index), index - axis)
        both = after < len(index)
        between.append(np.stack([singles[both], after[both]], 1))
        mixed.append(np.stack([singles[~both], after[~both]], 1))
        alone = before >= len(index)
        mixed.append(np.stack([singles[alone], before[alone]], 1))

        low, high = (slice(None),) * d + (slice(None, -1),), (slice(None),) * d + (slice(1, None),)
        empty = (brick_map[low] < 0) & (brick_map[high] < 0)
        bricks.append(np.stack([flat[low][empty], flat[high][empty]], 1))
        for border in (0, -1):
            face = flat.take(border, axis=d)[brick_map.take(border, axis=d) < 0]
            bricks.append(np.stack([face, np.full_like(face, len(index) + brick_map.size)], 1))
    split = flat[brick_map >= 0]  # a brick of single samples leaves its own node unused
    bricks.append(np.stack([split, np.full_like(split, len(index) + brick_map.size)], 1))
    weight = np.repeat([1, EDGE**2], [sum(map(len, between + mixed)), sum(map(len, bricks))])
    return np.concatenate(between + mixed + bricks), weight, sum(map(len, between))

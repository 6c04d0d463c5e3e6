"""Edge collapses by quadric error, many at a time: control meshes whose triangles suit a smooth surface.

Quadrics with area weights and planes along borders (Garland and Heckbert, Surface simplification using quadric error
metrics, SIGGRAPH 1997). What differs: planes also stand across sharp rims, for the sides of an ear or a fin say
nothing about where that ends; the cost is divided by the shape of the triangles that a collapse leaves and grows with
irregular valences, because the mesh will carry a Loop surface and its connectivity will be coded; topology is kept; and
in each round every edge that is cheaper than all others around it collapses, in array operations.
"""

from copy import copy

import numpy as np

from .mirror import ON_PLANE, WHOLE, Mirrors
from .subdivide import stable_order, unique_edges
from .triangles import face_normals

BORDER_WEIGHT = 1.0  # of planes along borders, against the triangle beside them
RIM_WEIGHT = 1.0  # of planes across rims, for a unit of the cosine below the following one
FOLD = 0.5  # cosine between the normals of two triangles below which their edge is a rim, if it is convex
FLOOR = 1e-7  # squared distance below which collapses are ordered by shape, not by error
MINIMUM_TURN = 0.2  # least cosine between a triangle's normals before and after
HELD = 1e9  # weight of a coordinate that is held, against that of what is ill-defined
EMPTY = 1e-12  # area below which a triangle has no direction to keep
ROUNDS = 400


def _plane_quadrics(normals, points, weights):
    """(n, 10): upper triangle of weight * (N, d)(N, d)', planes through the points."""
    plane = np.concatenate([normals, -(normals * points).sum(1, keepdims=True)], axis=1)
    i, j = np.triu_indices(4)
    return weights[:, None] * plane[:, i] * plane[:, j]


def vertex_quadrics(
    vertices: np.ndarray, faces: np.ndarray, importance: np.ndarray | None = None, rims: bool = True
) -> np.ndarray:
    """(n, 10) quadrics of the faces about each vertex, with planes along borders and non-manifold edges.

    Args:
        vertices: (n, 3) float; faces: (m, 3) int; importance: (m,) factor of each face's area, or None.
        rims: whether planes stand across convex folds too.
    """
    corners = vertices[faces]
    normals, areas = face_normals(corners)
    importance = np.ones(len(faces)) if importance is None else importance
    areas = areas * importance
    quadrics = np.zeros((len(vertices), 10))
    of_face = _plane_quadrics(normals, corners[:, 0], areas / 3)
    for k in range(3):
        np.add.at(quadrics, faces[:, k], of_face)
    edges, edge_of, count = unique_edges(faces)
    side = np.flatnonzero(count[edge_of] != 2)
    ends = edges[edge_of[side]]
    along = vertices[ends[:, 1]] - vertices[ends[:, 0]]
    across = np.cross(along, normals[side % len(faces)])
    across /= np.maximum(np.linalg.norm(across, axis=1), 1e-300)[:, None]
    of_side = _plane_quadrics(across, vertices[ends[:, 0]], BORDER_WEIGHT * (along**2).sum(1))
    for k in (0, 1):
        np.add.at(quadrics, ends[:, k], of_side)
    if rims:
        sides = np.argsort(edge_of, kind="stable")[np.repeat(count == 2, count)].reshape(-1, 2)
        corner, pair = sides[:, 1] // len(faces), sides % len(faces)
        cosine = (normals[pair[:, 0]] * normals[pair[:, 1]]).sum(1)
        apex, ends = vertices[faces[pair[:, 1], (corner + 2) % 3]], edges[count == 2]
        convex = ((apex - vertices[ends[:, 0]]) * normals[pair[:, 0]]).sum(1) < 0
        rim = (cosine < FOLD) & convex
        pair, ends, fold = pair[rim], ends[rim], FOLD - cosine[rim]
        outward = normals[pair].sum(axis=1)
        outward /= np.maximum(np.linalg.norm(outward, axis=1), 1e-6)[:, None]
        length2 = ((vertices[ends[:, 1]] - vertices[ends[:, 0]]) ** 2).sum(1)
        of_rim = _plane_quadrics(outward, vertices[ends[:, 0]], RIM_WEIGHT * fold * length2 * importance[pair].mean(1))
        for k in (0, 1):
            np.add.at(quadrics, ends[:, k], of_rim)
    return quadrics


def _evaluate(q, p):
    """Quadrics (n, 10) at points (n, 3)."""
    x, y, z = p.T
    return np.maximum(
        q[:, 0] * x * x
        + q[:, 4] * y * y
        + q[:, 7] * z * z
        + q[:, 9]
        + 2 * (q[:, 1] * x * y + q[:, 2] * x * z + q[:, 5] * y * z + q[:, 3] * x + q[:, 6] * y + q[:, 8] * z),
        0,
    )


def _place(q, a, b, held_a, held_b):
    """Best point of each merged quadric, and its cost: the optimum, held to the edge where it is ill-defined.

    Coordinates of a or b that are held (n, 3 bool) are those of the point.
    """
    held = held_a | held_b
    a, b = np.where(held_b & ~held_a, b, a), np.where(held_a & ~held_b, a, b)
    middle = 0.5 * (a + b)
    matrix = q[:, [0, 1, 2, 1, 4, 5, 2, 5, 7]].reshape(-1, 3, 3)
    hold = 1e-3 * np.trace(matrix, axis1=1, axis2=2) / 3 + 1e-300
    hold = hold[:, None] * np.where(held, HELD, 1.0)
    right = -q[:, [3, 6, 8]] + hold * middle
    best = np.linalg.solve(matrix + hold[:, :, None] * np.eye(3), right[..., None])[..., 0]
    best[held] = a[held]
    cost = _evaluate(q, best)
    for other in (middle, a, b):
        c = _evaluate(q, other)
        better = c < cost
        best[better], cost[better] = other[better], c[better]
    return best, cost


def _star(index, starts, counts, items):
    """All `items` of the vertices `index`: (owner position in index, item), for lists stored one after another."""
    n = counts[index]
    owner = np.repeat(np.arange(len(index)), n)
    offset = np.arange(n.sum()) - np.repeat(np.cumsum(n) - n, n)
    return owner, items[starts[index][owner] + offset]


def _lists(keys, values, count):
    counts = np.bincount(keys, minlength=count)
    return np.cumsum(counts) - counts, counts, values[stable_order(keys)]


def triangle_quality(corners: np.ndarray, areas: np.ndarray) -> np.ndarray:
    """1 for equilateral triangles, 0 for those without area: 4 sqrt(3) area / sum of squared sides."""
    x, y, z = np.ascontiguousarray(corners.transpose(2, 1, 0))
    squares = sum((x[k] - x[k - 1]) ** 2 + (y[k] - y[k - 1]) ** 2 + (z[k] - z[k - 1]) ** 2 for k in range(3))
    return 4 * np.sqrt(3) * areas / np.maximum(squares, 1e-300)


class Collapses:
    """What is known of the collapses of some edges; most of it holds from one round to the next.

    Attributes:
        edges: (e, 2) int, sorted; point: (e, 3), where the vertex goes; cost: (e,), NaN where both are not known.
        worst, turn: (e,), least quality of the triangles left and least cosine of their turn, NaN where not known.
    """

    def __init__(self, edges: np.ndarray):
        self.edges = edges
        self.point = np.empty((len(edges), 3))
        self.cost, self.worst, self.turn = (np.full(len(edges), np.nan) for _ in range(3))

    @classmethod
    def none(cls) -> "Collapses":
        """Of no edge."""
        return cls(np.empty((0, 2), np.int64))

    def of(self, edges: np.ndarray) -> "Collapses":
        """Of other edges (e, 2), sorted: what is known of those that were here before."""
        other = Collapses(edges)
        if len(self.edges):
            before, now = (e[:, 0] << 32 | e[:, 1] for e in (self.edges, edges))
            at = np.minimum(np.searchsorted(before, now), len(before) - 1)
            same = before[at] == now
            for name in ("point", "cost", "worst", "turn"):
                getattr(other, name)[same] = getattr(self, name)[at[same]]
        return other

    def among(self, vertices: np.ndarray) -> "Collapses":
        """What is known of edges between some vertices (n,), sorted, whose places in these are their new numbers."""
        at = np.minimum(np.searchsorted(vertices, self.edges), len(vertices) - 1)
        stays = (vertices[at] == self.edges).all(axis=1)
        other = Collapses(at[stays])
        for name in ("point", "cost", "worst", "turn"):
            setattr(other, name, getattr(self, name)[stays])
        return other

    def forget(self, moved: np.ndarray, faces: np.ndarray, vertex_count: int) -> None:
        """What vertices that have moved make invalid: costs of their edges, triangles of those within reach."""
        stale = np.zeros(vertex_count, bool)
        stale[moved] = True
        near = stale.copy()
        near[faces[stale[faces].any(axis=1)]] = True
        self.cost[stale[self.edges].any(axis=1)] = np.nan
        self.turn[near[self.edges].any(axis=1)] = np.nan


class Collapser:
    """A mesh that shrinks: `to(count)` may be called with ever smaller counts.

    Attributes:
        vertices, faces: as they are now; some vertices may be of no face any more.
        origin: (n,) int, which of the vertices that it was made of each is or has come from.

    Args:
        vertices: (n, 3) float; faces: (m, 3) int; importance: (m,) factor of each face's area, or None.
        shape: 0 is quadric error alone; 1 divides by the quality of the triangles that are left.
        regular: how much a collapse that makes valences less regular is held back.
        rims: whether the rims of thin parts are kept where they are.
        mirrors: planes on which vertices stay that lie on them.
    """

    def __init__(
        self,
        vertices: np.ndarray,
        faces: np.ndarray,
        importance: np.ndarray | None = None,
        shape: float = 2.0,
        regular: float = 0.1,
        rims: bool = True,
        mirrors: Mirrors = WHOLE,
    ):
        self.vertices, self.faces = np.array(vertices, np.float64), np.array(faces, np.int64)
        self.origin = np.arange(len(self.vertices))
        self.shape, self.regular = shape, regular
        self.quadrics = vertex_quadrics(self.vertices, self.faces, importance, rims)
        self.held = np.zeros(self.vertices.shape, bool)  # coordinates that stay as they are
        for axis in mirrors.axes:
            self.held[:, axis] = np.abs(self.vertices[:, axis] - mirrors.origin[axis]) < ON_PLANE
            self.vertices[self.held[:, axis], axis] = mirrors.origin[axis]
        self._looked_at = Collapses.none()

    def copy(self) -> "Collapser":
        """Another one in the same state, but for vertices of no face."""
        other = copy(self)
        used, faces = np.unique(self.faces, return_inverse=True)
        other.faces = faces.reshape(-1, 3)
        for name in ("vertices", "quadrics", "held", "origin"):
            setattr(other, name, getattr(self, name)[used])
        other._looked_at = self._looked_at.among(used)
        return other

    @property
    def vertex_count(self) -> int:
        """Vertices that triangles use."""
        return len(np.unique(self.faces))

    def to(self, vertex_count: int) -> tuple[np.ndarray, np.ndarray]:
        """Vertices (n, 3) and faces (m, 3) after collapses, n >= vertex_count, and equal to it where possible."""
        left = self.vertex_count - vertex_count
        for _ in range(ROUNDS):
            done = self._round(left) if left > 0 else 0
            if done == 0:
                break
            left -= done
        used, faces = np.unique(self.faces, return_inverse=True)
        return self.vertices[used], faces.reshape(-1, 3)

    def _round(self, most: int) -> int:
        n, faces = len(self.vertices), self.faces
        edges, _, faces_at = unique_edges(faces)
        known = self._looked_at = self._looked_at.of(edges)
        self._price(known)
        cost = known.cost
        ends, others = edges.ravel(), edges[:, ::-1].ravel()
        ring = _lists(ends, others, n)
        border = np.zeros(n, bool)
        border[edges[faces_at != 2]] = True

        few = min(len(edges), max(len(edges) // 4, 60))
        candidate = np.argpartition(cost, few - 1)[:few] if few < len(edges) else np.arange(len(edges))
        inner_bridge = (faces_at[candidate] == 2) & border[edges[candidate]].all(1)
        candidate = candidate[~inner_bridge & (faces_at[candidate] <= 2)]
        a, b = edges[candidate].T
        owner, near = _star(a, *ring)
        keys = np.sort(edges[:, 0] * n + edges[:, 1])
        other = b[owner]
        pair = np.minimum(near, other) * n + np.maximum(near, other)
        found = keys[np.minimum(np.searchsorted(keys, pair), len(keys) - 1)] == pair
        common = np.bincount(owner[found & (near != other)], minlength=len(candidate))
        valence = ring[1]
        keep = (common == faces_at[candidate]) & (valence[a] + valence[b] > 6)
        if self.held.any():
            keep &= ~self._joins_plane(a, b, ring, keys) & ~self._joins_plane(b, a, ring, keys)
        candidate, a, b = candidate[keep], a[keep], b[keep]
        if len(candidate) == 0:
            return 0

        fresh = candidate[np.isnan(known.turn[candidate])]
        known.worst[fresh], known.turn[fresh] = self._after(edges[fresh, 0], edges[fresh, 1], known.point[fresh])
        worst, turn = known.worst[candidate], known.turn[candidate]
        after = valence[a] + valence[b] - 4
        irregular = (np.maximum(after - 6, 0) ** 2).astype(float)
        price = cost[candidate] * (1 + self.regular * irregular) / np.maximum(worst, 1e-3) ** self.shape
        allowed = turn > MINIMUM_TURN
        candidate, a, b, price = candidate[allowed], a[allowed], b[allowed], price[allowed]
        if len(candidate) == 0:
            return 0
        chosen = self._independent(a, b, price, ring, most)
        a, b = a[chosen], b[chosen]
        self.vertices[a] = known.point[candidate[chosen]]
        self.quadrics[a] += self.quadrics[b]
        self.held[a] |= self.held[b]
        new_index = np.arange(n)
        new_index[b] = a
        faces = new_index[faces]
        proper = (faces[:, 0] != faces[:, 1]) & (faces[:, 1] != faces[:, 2]) & (faces[:, 2] != faces[:, 0])
        self.faces = faces[proper]
        known.forget(a, self.faces, n)
        return len(chosen)

    def _price(self, known: "Collapses") -> None:
        """Where the vertex goes in each collapse not priced yet, and its cost."""
        fresh = np.isnan(known.cost)
        a, b = known.edges[fresh].T
        point, cost = _place(
            self.quadrics[a] + self.quadrics[b], self.vertices[a], self.vertices[b], self.held[a], self.held[b]
        )
        length2 = ((self.vertices[a] - self.vertices[b]) ** 2).sum(1)
        known.point[fresh], known.cost[fresh] = point, cost + FLOOR * length2

    def _joins_plane(self, a, b, ring, keys):
        """Whether a collapse of b, off a plane, into a, on it, would join a with others there across the mesh."""
        owner, near = _star(b, *ring)
        into, n = a[owner], len(self.vertices)
        pair = np.minimum(into, near) * n + np.maximum(into, near)
        apart = (into != near) & (keys[np.minimum(np.searchsorted(keys, pair), len(keys) - 1)] != pair)
        joined = ((self.held[into] & ~self.held[b[owner]] & self.held[near]).any(axis=1)) & apart
        return np.bincount(owner[joined], minlength=len(a)) > 0

    def _after(self, a, b, point):
        """Of each collapse: least quality of the triangles left around it, least cosine of their turn."""
        incident = _lists(self.faces.ravel(), np.repeat(np.arange(len(self.faces)), 3), len(self.vertices))
        owner, face = (np.concatenate(x) for x in zip(_star(a, *incident), _star(b, *incident), strict=True))
        corner = self.faces[face]
        hit = (corner == a[owner][:, None]) | (corner == b[owner][:, None])
        stays = hit[:, 0] ^ hit[:, 1] ^ hit[:, 2]  # triangles with both ends go
        owner, face, corner, hit = owner[stays], face[stays], corner[stays], hit[stays]
        now = self.vertices[corner]
        normal, area = face_normals(now)
        now[hit] = point[owner]
        new_normal, new_area = face_normals(now)
        cosine = (normal * new_normal).sum(1)
        cosine[area < EMPTY] = 1.0
        worst, turn = np.ones(len(a)), np.ones(len(a))
        np.minimum.at(worst, owner, triangle_quality(now, new_area))
        np.minimum.at(turn, owner, cosine)
        return worst, turn

    def _independent(self, a, b, price, ring, most):
        """Collapses cheaper than all others within an edge of them, cheapest first, at most `most`."""
        rank = np.empty(len(price), np.int64)
        rank[np.argsort(price, kind="stable")] = np.arange(len(price))
        stars = _star(a, *ring), _star(b, *ring)
        least = np.full(len(self.vertices), len(price))
        for owner, vertex in stars:  # each star holds the edge's other end
            np.minimum.at(least, vertex, rank[owner])
        chosen = np.flatnonzero((least[a] >= rank) & (least[b] >= rank))
        return chosen[np.argsort(rank[chosen])][:most]

"""Which samples are inside: decided on the regions that the surface parts the lattice into.

1. flood: what a path from beyond the lattice reaches is outside, the rest is inside. Nothing is asked of orientation,
   nesting or self-intersection, and hidden interior surfaces vanish.
2. winding: where both sides of the surface are reached, a generalised winding number (Jacobson et al. 2013) clearly
   away from 0 closes small openings: a region that it encloses is inside when its openings are a small share of its
   boundary.
3. shell: what still has the outside on both sides, open sheets and parts thinner than a step, gets the distance to
   the surface minus half a step, and at least one inside sample wherever it passes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from necgs_cli.field.distance import Band, sample_position
from necgs_cli.field.regions import RegionGraph, components, first_hit, region_graph
from necgs_cli.field.surface_points import surface_points

if TYPE_CHECKING:
    from scipy.spatial import cKDTree

OPEN_SHARE = 0.05  # openings of a region may be this share of its boundary for the winding number to close them
SHELL = 0.52  # steps: half a step, and enough that 8 bits keep the sign of a sample half a step away
STEEP = 0.5  # cosine of a link and the normal of a sheet that it crosses; some axis has 0.577 to any normal
SLAB = 0.7  # cosine of the normals of the two sides of a slab
FAINT = 0.04  # steps: the distance inside of a sample that stands for a part too thin for the lattice
NEIGHBOURS = np.stack(np.meshgrid(*[np.arange(-1, 2, dtype=np.int32)] * 3, indexing="ij"), -1).reshape(27, 3)
CELL = np.stack(np.meshgrid(*[[0, 1]] * 3, indexing="ij"), -1).reshape(8, 3)
CELL_AND_RING = np.stack(np.meshgrid(*[[-1, 0, 1, 2]] * 3, indexing="ij"), -1).reshape(64, 3)


@dataclass(frozen=True, eq=False)
class Sides:
    """Inside and outside of the finest level.

    Attributes:
        graph: its nodes are what the other fields speak of.
        inside: bool (nodes,).
        shell: bool (samples,): outside samples where the shell of a sheet is measured.
        faint: bool (samples,): outside samples that stand for a part too thin to be met otherwise.
        words: what was used, of "flood", "winding" and "shell".
        seen: float64 (n, 3): points of the surface that the outside sees.
        seen_area: float64 (n,): the area that each stands for.
        hidden_cells: int64, sorted: flat numbers of the lattice cells whose surface lies hidden inside.
        dropped_area: share of the surface that is hidden.
    """

    graph: RegionGraph
    inside: np.ndarray
    shell: np.ndarray
    faint: np.ndarray
    words: tuple[str, ...]
    seen: np.ndarray
    seen_area: np.ndarray
    hidden_cells: np.ndarray
    dropped_area: float

    @cached_property
    def seen_tree(self) -> cKDTree:
        """Nearest neighbours among the points that the outside sees."""
        from scipy.spatial import cKDTree

        return cKDTree(self.seen)


def find_sides(vertices: np.ndarray, faces: np.ndarray, band: Band, keep_interior: bool) -> Sides:
    """Tell inside from outside at the finest level.

    Args:
        vertices: float64 (n, 3), lattice frame.
        faces: int64 (m, 3), any orientation.
        band: distances at the finest level.
        keep_interior: keep surfaces that the outside does not see: the side changes at every surface.
    """
    graph = region_graph(vertices, faces, band)
    label = graph.label(graph.blocked)
    inside = label != label[graph.beyond]
    words = ["flood"] if _solid(graph, inside).any() else []
    normals = _unit_normals(vertices, faces)
    sheet = _sheet_links(graph, inside, vertices, faces, normals)
    openings = np.zeros(len(graph.links), bool)
    if len(sheet):
        enclosed = _enclosed_by_winding(graph, inside, vertices, faces)
        if enclosed.any():
            words.append("winding")
            one, two = graph.links.T
            openings = ~graph.blocked & (enclosed[one] != enclosed[two])
            inside |= enclosed
            sheet = _sheet_links(graph, inside, vertices, faces, normals)
    if keep_interior:
        inside = _alternate(graph, graph.blocked | openings)

    points, area = surface_points(vertices, faces, 1.0 / graph.resolution)
    shell = _shell(graph, inside, sheet)
    faint = _faint(graph, inside, shell, points)
    if shell.any() or faint.any():
        words.append("shell")
    hidden = np.zeros(len(points), bool) if keep_interior else _hidden(graph, inside, points)
    cells = np.unique(_cell_number(points[hidden], graph.resolution))
    dropped = float(area[hidden].sum() / max(area.sum(), 1e-300))
    return Sides(graph, inside, shell, faint, tuple(words), points[~hidden], area[~hidden], cells, dropped)


def _solid(graph: RegionGraph, inside: np.ndarray) -> np.ndarray:
    """Inside nodes that are more than samples caught between facets, bool (nodes,)."""
    solid = inside.copy()
    solid[: len(graph.index)] &= graph.distance > 0.25 * 2.0 / graph.resolution
    return solid


def _unit_normals(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    a, b, c = vertices[faces].transpose(1, 0, 2)
    normal = np.cross(b - a, c - a)
    return normal / np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-300)


def _sheet_links(
    graph: RegionGraph, inside: np.ndarray, vertices: np.ndarray, faces: np.ndarray, normals: np.ndarray
) -> np.ndarray:
    """Links with the outside at both ends that pass through a sheet or slab: int64 (s, 2).

    Where the link enters and where it leaves, the surface has about the same normal up to sign, and the link is
    steep to it. That leaves out the edges of solids that stick out between samples, and rounded sides grazed.
    """
    one, two = graph.links.T
    links = graph.links[graph.blocked & ~inside[one] & ~inside[two]]
    enter, leave = (first_hit(vertices, faces, graph, pairs) for pairs in (links, links[:, ::-1]))
    met = (enter >= 0) & (leave >= 0)  # a ray that only grazes may meet the surface one way and not the other
    links, enter, leave = links[met], normals[enter[met]], normals[leave[met]]
    axis = np.abs(graph.index[links[:, 1]] - graph.index[links[:, 0]])
    steep = np.minimum(np.abs((enter * axis).sum(1)), np.abs((leave * axis).sum(1))) > STEEP
    return links[steep & (np.abs((enter * leave).sum(1)) > SLAB)]


def _around(graph: RegionGraph, samples: np.ndarray) -> np.ndarray:
    """The 27 nodes around samples, int64 (n, 27)."""
    return graph.node(graph.index[samples][:, None] + NEIGHBOURS)


def _any_around(graph: RegionGraph, mask: np.ndarray, samples: np.ndarray) -> np.ndarray:
    return mask[_around(graph, samples)].any(1)


def _enclosed_by_winding(graph: RegionGraph, inside: np.ndarray, vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Outside nodes that the surface encloses but for small openings, bool (nodes,)."""
    import point_cloud_utils as pcu

    outside = np.flatnonzero(~inside[:-1])
    winding = pcu.triangle_soup_fast_winding_number(vertices, faces, graph.position(outside))
    wound = np.zeros(len(inside), bool)
    wound[outside[np.abs(winding) > 0.5]] = True

    one, two = graph.links.T
    free = ~graph.blocked & ~inside[one] & ~inside[two]
    label = components(len(inside), graph.links[free & wound[one] & wound[two]])
    boundary = np.zeros((2, len(inside)))
    for kind, chosen in enumerate((free & (wound[one] != wound[two]), graph.blocked)):
        for end in (one, two):
            of = end[chosen]
            mine = wound[of]
            boundary[kind] += np.bincount(label[of[mine]], graph.weight[chosen][mine], len(inside))
    opening, surface = boundary
    return wound & (opening <= OPEN_SHARE * (opening + surface))[label]


def _alternate(graph: RegionGraph, cut: np.ndarray) -> np.ndarray:
    """Inside after an odd number of surfaces from the outside, region by region through the widest walls."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import breadth_first_order, minimum_spanning_tree

    label = graph.label(cut)
    one, two = np.sort(label[graph.links[cut]], 1).T
    count = int(label.max()) + 1
    walls = coo_array((np.ones(len(one)), (one, two)), shape=(count, count)).tocsr()  # adds up the links of a wall
    walls.setdiag(0)
    walls.eliminate_zeros()
    walls.data = 1 / walls.data
    order, before = breadth_first_order(minimum_spanning_tree(walls), label[graph.beyond], directed=False)
    inside = np.ones(count, bool)
    inside[order[0]] = False
    for region in order[1:]:
        inside[region] = not inside[before[region]]
    return inside[label]


def _shell(graph: RegionGraph, inside: np.ndarray, sheet: np.ndarray) -> np.ndarray:
    """Samples about sheets that are not about solid parts, and the ends of the sheet's links in any case."""
    solid = _solid(graph, inside)
    shell = np.zeros(len(graph.index), bool)
    if len(sheet):
        ends = np.unique(sheet)
        about = np.unique(_around(graph, ends))
        about = about[about < len(graph.index)]
        shell[about[~_any_around(graph, solid, about)]] = True
        shell[ends] = True
    return shell & ~inside[: len(graph.index)]


def _faint(graph: RegionGraph, inside: np.ndarray, shell: np.ndarray, points: np.ndarray) -> np.ndarray:
    """The samples nearest to surface points that no inside sample would show."""
    negative = inside.copy()
    negative[: len(shell)] |= shell & (graph.distance < SHELL * 2.0 / graph.resolution)
    cells, of_point = np.unique(_cell_number(points, graph.resolution), return_inverse=True)
    index = np.stack(np.unravel_index(cells, (graph.resolution + 1,) * 3), 1) - 1
    lost = points[~negative[graph.node(index[:, None] + CELL)].any(1)[of_point]]
    nearest = np.unique(graph.node(_nearest_sample(lost, graph.resolution)))
    nearest = nearest[nearest < len(graph.index)]
    # Beside a solid part nothing is lost but the tip of an edge or corner of it, beside a shell a strip of its rim.
    nearest = nearest[~_any_around(graph, inside, nearest)]
    faint = np.zeros(len(negative), bool)
    faint[nearest[~_any_around(graph, negative, nearest)]] = True
    for _ in range(2):  # but what is lost farther on stays joined to the shell
        faint[nearest[_any_around(graph, faint, nearest)]] = True
    return faint[: len(graph.index)]


def _hidden(graph: RegionGraph, inside: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Surface points with nothing but inside samples in their cell and in the ring of cells about it."""
    cells, of_point = np.unique(_cell_number(points, graph.resolution), return_inverse=True)
    index = np.stack(np.unravel_index(cells, (graph.resolution + 1,) * 3), 1) - 1
    hidden = inside[graph.node(index[:, None] + CELL)].all(1)
    hidden[hidden] = inside[graph.node(index[hidden][:, None] + CELL_AND_RING)].all(1)
    return hidden[of_point]


def _cell(points: np.ndarray, resolution: int) -> np.ndarray:
    """Lattice index of the first corner of the cell of each point, -1 below the first sample."""
    return np.clip(np.floor((points + 1) * (resolution / 2) - 0.5).astype(np.int64), -1, resolution - 1)


def _cell_number(points: np.ndarray, resolution: int) -> np.ndarray:
    x, y, z = (_cell(points, resolution) + 1).T
    return (x * (resolution + 1) + y) * (resolution + 1) + z


def _nearest_sample(points: np.ndarray, resolution: int) -> np.ndarray:
    return np.floor((points + 1) * (resolution / 2)).astype(np.int64)


def signed_distance(sides: Sides, band: Band) -> np.ndarray:
    """Signed distances of the finest level's samples, float64 (samples,), infinite where not measured."""
    graph = sides.graph
    step = 2.0 / graph.resolution
    distance = np.full(len(graph.index), np.inf)
    node = graph.node(band.index)
    single = node < len(graph.index)
    distance[node[single]] = seen_distance(sides, band)[single]
    inside = sides.inside[: len(graph.index)]
    distance = np.where(inside, -np.maximum(distance, 1e-6 * step), distance)
    distance[sides.shell] -= SHELL * step
    distance[sides.faint] = np.minimum(distance[sides.faint], -FAINT * step)
    return distance


def seen_distance(sides: Sides, band: Band) -> np.ndarray:
    """Distances of a level to what the outside sees of the surface: hidden parts do not count."""
    if not len(sides.hidden_cells):
        return band.distance
    distance = band.distance.copy()
    hidden = np.flatnonzero(np.isin(_cell_number(band.nearest, sides.graph.resolution), sides.hidden_cells))
    if len(hidden):
        where = sample_position(band.index[hidden], band.resolution)
        distance[hidden] = sides.seen_tree.query(where, distance_upper_bound=4.0 / band.resolution)[0]
    return distance

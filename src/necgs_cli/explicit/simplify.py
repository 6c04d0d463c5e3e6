"""Control meshes for a surface: which vertices and triangles to start a fit from."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .collapse import Collapser
from .flips import even_valences
from .importance import Importance
from .mirror import WHOLE, Mirrors
from .repeats import Copied, Repeats, none_of, without_repeats
from .subdivide import unique_edges
from .symmetry import cut
from .target import Target

PREPARED = 4  # times the wanted faces to which a fast decimator reduces first, where shape decides
STAGE_LEAST = 2  # times the wanted vertices down to which collapses of the original are the same for all sizes
STAGES = tuple(1 << power for power in range(13, 4, -1))  # vertices at which these are kept, and used again
LARGE = 6000  # faces to which it reduces first where edges must stay
SHARP_SHARE, DOUBTFUL_SHARE = 0.5, 0.4  # of the bending at sharp edges, from which a shape is or may be mechanical
FEW_FACES = 1500  # below which every mesh is


def is_mechanical(target: Target) -> bool:
    """Whether edges and flat parts make the shape: creases and plain triangles are then worth a trial."""
    return target.sharp_share > SHARP_SHARE or len(target.faces) < FEW_FACES


def may_be_mechanical(target: Target) -> bool:
    """Whether edges may make the shape; or it is one of toes and folds, which coarse triangles have made sharp."""
    return target.sharp_share > DOUBTFUL_SHARE


def _prepared(vertices: np.ndarray, faces: np.ndarray, face_count: int) -> tuple[np.ndarray, np.ndarray]:
    """At most about `face_count` faces by fast_simplification, or the mesh itself."""
    import fast_simplification

    if len(faces) <= face_count:
        return vertices, faces
    v, f = fast_simplification.simplify(
        vertices.astype(np.float32), faces.astype(np.int32), target_count=int(face_count), agg=5
    )
    if len(f) < 0.5 * face_count:  # it gave up on structure that is left to the careful one
        return vertices, faces
    return compact(np.asarray(v, np.float64), np.asarray(f, np.int64))


def compact(vertices: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Without vertices that no triangle uses, triangles with two equal corners and repeated triangles."""
    proper = (faces[:, 0] != faces[:, 1]) & (faces[:, 1] != faces[:, 2]) & (faces[:, 2] != faces[:, 0])
    faces = faces[proper]
    _, first = np.unique(np.sort(faces, axis=1), axis=0, return_index=True)
    used, faces = np.unique(faces[np.sort(first)], return_inverse=True)
    return vertices[used], faces.reshape(-1, 3)


def weld(vertices: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Vertices at the same place made one, where the mesh is open; a closed one has doubled them for a reason."""
    if (unique_edges(faces)[2] != 1).all():
        return vertices, faces
    places, place_of = np.unique(vertices, axis=0, return_inverse=True)
    return places, place_of.reshape(-1)[faces]


@dataclass(frozen=True, eq=False)
class Start:
    """A control mesh before it is fitted, on one side of the mirrors.

    Attributes:
        vertices: (n, 3) float64, unit frame; faces: (m, 3) int64; both of its different parts.
        repeats: which of these repeat.
        single: (n,) bool, which of the vertices have no images.
    """

    vertices: np.ndarray
    faces: np.ndarray
    repeats: Repeats
    single: np.ndarray

    def single_of(self, part: Copied) -> np.ndarray | None:
        """Which vertices (n',) bool have no images, copies among them; None where all have."""
        return self.single[part.source] if self.single.any() else None


def _start(vertices: np.ndarray, faces: np.ndarray) -> Start:
    """Of one part."""
    return Start(vertices, faces, none_of(len(vertices)), np.zeros(len(vertices), bool))


class Simplifier:
    """Control meshes of an original, of any size.

    Attributes:
        vertices, faces: of the original, or of its different parts on one side of the mirrors.
        repeats: which of these repeat, on mechanical shapes alone; single: which have no images.
        one_side: vertices and faces of what has images, on one side of the mirrors, with all that repeats; else of all.

    Args:
        target: the original.
        mechanical: plain quadrics on the original itself, which keep edges and flat parts; otherwise collapses
            weighted by the shape of the triangles, after a fast first reduction, and flips.
        mirrors: planes at which the control meshes will be mirrored: the vertices on them stay there.
        single: of the original's vertices (n,) bool, those of parts that will not be; None: no such parts.
    """

    def __init__(self, target: Target, mechanical: bool, mirrors: Mirrors = WHOLE, single: np.ndarray | None = None):
        self._whole = self.one_side = self.vertices, self.faces = target.vertices, target.faces
        self.single = np.zeros(len(self.vertices), bool)
        if mirrors.axes:
            alone = self.single[self.faces[:, 0]] if single is None else single[self.faces[:, 0]]
            self.one_side = cut_off = compact(*cut(self.vertices, self.faces[~alone], mirrors))
            whole = compact(self.vertices, self.faces[alone])
            self.vertices, self.faces = (
                np.concatenate(both) for both in zip(cut_off, (whole[0], whole[1] + len(cut_off[0])), strict=True)
            )
            self.single = np.arange(len(self.vertices)) >= len(cut_off[0])
        self.repeats = none_of(len(self.vertices))
        if mechanical:
            kept, self.repeats = without_repeats(self.vertices, self.faces, self.single)
            place = np.full(len(self.vertices), -1)
            place[kept] = np.arange(len(kept))
            self.vertices, self.single = self.vertices[kept], self.single[kept]
            self.faces = place[self.faces[place[self.faces[:, 0]] >= 0]]
        self.mechanical, self._mirrors = mechanical, mirrors
        self._stages: dict[int, Collapser] = {}  # the original on its way to the smallest size asked for

    @property
    def triangles(self) -> Start:
        """Its own, none collapsed."""
        return Start(self.vertices, self.faces, self.repeats, self.single)

    def to(self, vertex_count: int, importance: Importance) -> Start:
        """A control mesh, denser where more important.

        It has `vertex_count` vertices; less only where the original has less, more where its topology needs more.
        """
        if self.mechanical:
            collapser = self._staged(vertex_count)
            vertices, faces = collapser.to(vertex_count)
            if self._in_parts:
                kept = collapser.origin[np.unique(collapser.faces)]
                return Start(vertices, faces, self.repeats.of(kept), self.single[kept])
            return _start(vertices, faces)
        start = self._reduced(PREPARED * 2 * vertex_count)
        weights = importance.at(start[0][start[1]].mean(axis=1))
        vertices, faces = Collapser(*start, weights, mirrors=self._mirrors).to(vertex_count)
        return _start(vertices, even_valences(vertices, faces))

    @property
    def _in_parts(self) -> bool:
        """Whether parts are told apart: vertices must be followed on their way then."""
        return self.repeats.any or bool(self.single.any())

    def _reduced(self, face_count: int) -> tuple[np.ndarray, np.ndarray]:
        """Its vertices and faces after a fast first reduction, before the cut: that reduction would fray borders."""
        if len(self.faces) <= face_count:
            return self.vertices, self.faces
        whole = _prepared(*self._whole, face_count << len(self._mirrors.axes))
        return compact(*cut(*whole, self._mirrors)) if self._mirrors.axes else whole

    @cached_property
    def _unreduced(self) -> Collapser:
        """The original before all collapses, but for a first reduction of what is large."""
        start, times = (self.vertices, self.faces), None
        if self._in_parts:
            images = np.where(self.single, 1, 2 ** len(self._mirrors.axes))
            times = (self.repeats.times() * images)[self.faces[:, 0]]
        else:
            start = self._reduced(LARGE)
        return Collapser(*start, times, shape=0.0, regular=0.0, rims=False, mirrors=self._mirrors)

    def _staged(self, vertex_count: int) -> Collapser:
        """A collapser above the size, on the way that leads to every size."""
        stage = self._unreduced
        for size in STAGES:
            if size < STAGE_LEAST * vertex_count:
                break
            if size not in self._stages:
                if stage.vertex_count > size:
                    stage = stage.copy()
                    stage.to(size)
                self._stages[size] = stage
            stage = self._stages[size]
        return stage.copy()

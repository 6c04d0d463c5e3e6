"""Pictures of meshes without a display or a GPU: ray casting, smooth normals, one soft lamp and ambient occlusion."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from necgs_cli.report.colours import error_colours, to_display
from necgs_cli.report.view import View, visible_faces

if TYPE_CHECKING:
    from point_cloud_utils import RayMeshIntersector

# Error of a rendered surface: one value a vertex, or a function from points (n, 3) in source units to values (n,).
Error = np.ndarray | Callable[[np.ndarray], np.ndarray]

_SUPERSAMPLING = 2
_BAND_RAYS = 2**20  # drawn at once, so that memory does not grow with the picture
_OCCLUSION_RAYS = 8  # a subpixel
_OCCLUSION_REACH = 0.7  # in half diagonals
_AMBIENT = 0.4
_SURFACE = np.array([0.62, 0.64, 0.66])  # linear RGB
_CREASE = np.cos(np.radians(35))  # a corner bent by more is shaded flat
_WIRE, _WIRE_SHARE, _WIRE_SHADE = 0.6, 0.08, 0.3  # half width, pixels; most of a triangle's height; brightness


def render_mesh(
    vertices: np.ndarray,
    faces: np.ndarray,
    size: int = 400,
    *,
    view: View | None = None,
    error: Error | None = None,
    error_end: float = 1.0,
    transparent: bool = False,
    wireframe: bool = False,
) -> np.ndarray:
    """Draw a mesh.

    Args:
        vertices, faces: (n, 3) float, source units, and (m, 3) int. A mesh without faces gives an empty picture.
        size: width and height in pixels.
        view: where to look from; by default a three-quarter view of this mesh.
        error: colours the surface (see `Error`); `error_end` is the value at the dark end of the scale.
        transparent: a background without colour instead of white.
        wireframe: also draw the triangles' edges, thinner where triangles are small.

    Returns:
        uint8 (size, size, 3), or with `transparent` (size, size, 4).
    """
    vertices, faces = visible_faces(vertices, faces)
    fine = size * _SUPERSAMPLING
    light, cover = np.zeros((size * size, 3)), np.zeros(size * size)
    if len(faces):
        mesh = _Lit(vertices, faces, view or View.of(vertices, faces))
        band = max(1, _BAND_RAYS // (fine * _SUPERSAMPLING))  # pixels high
        for top in range(0, size, band):
            rows = range(top * _SUPERSAMPLING, min(top + band, size) * _SUPERSAMPLING)
            hit, lit = _shade(mesh, fine, rows, error, error_end, wireframe)
            pixel = hit // fine // _SUPERSAMPLING * size + hit % fine // _SUPERSAMPLING
            part = slice(top * size, min(top + band, size) * size)
            count = part.stop - part.start
            cover[part] = np.bincount(pixel, minlength=count) / _SUPERSAMPLING**2
            for channel in range(3):
                light[part, channel] = np.bincount(pixel, lit[:, channel], count) / _SUPERSAMPLING**2
    picture, seen = light.reshape(size, size, 3), cover.reshape(size, size, 1)
    if not transparent:
        return to_display(picture + 1 - seen)
    own = picture / np.maximum(seen, 1e-9)
    return np.concatenate([to_display(own), np.round(255 * seen).astype(np.uint8)], axis=-1)


class _Lit:
    """A mesh made ready for rays, as it is seen from a view.

    local: (n, 3) vertices around the eye, in half diagonals; flat, corners: see `_normals`.
    """

    def __init__(self, vertices: np.ndarray, faces: np.ndarray, view: View) -> None:
        from point_cloud_utils import RayMeshIntersector

        self.view, self.faces = view, faces
        # The ray caster works in single precision: give it numbers near 1.
        self.local = np.ascontiguousarray((vertices - view.eye) / view.reach)
        self.caster = RayMeshIntersector(self.local, np.ascontiguousarray(faces, dtype=np.int32))
        self.flat, self.corners = _normals(self.local, faces)


def _shade(
    mesh: _Lit, size: int, rows: range, error: Error | None, error_end: float, wireframe: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Numbers (h,) of the pixels of some rows that see the mesh, counted from the first row; and their RGB (h, 3)."""
    view, faces, local, flat = mesh.view, mesh.faces, mesh.local, mesh.flat
    rays = view.rays(size, rows)
    face, weights, _ = mesh.caster.intersect_rays(np.zeros_like(rays), rays)
    hit = np.flatnonzero(face >= 0)
    face, weights, rays = face[hit], weights[hit], rays[hit]
    points = np.einsum("nk,nkd->nd", weights, local[faces[face]])
    normals = np.einsum("nk,nkd->nd", weights, mesh.corners[face])
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    # Both sides of a face are lit alike, for many meshes are not oriented.
    towards = np.sign(-(flat[face] * rays).sum(axis=1, keepdims=True))
    subpixel = hit // size % _SUPERSAMPLING * _SUPERSAMPLING + hit % _SUPERSAMPLING
    open_sky = _openness(mesh.caster, points, flat[face] * towards, subpixel)
    normals = normals * towards
    lamp = np.array([-0.45, 0.65, 0.62]) @ view.axes
    diffuse = np.maximum(0.2 + 0.8 * (normals @ (lamp / np.linalg.norm(lamp))), 0)
    sky = 0.75 + 0.25 * (normals @ view.axes[1])
    brightness = _AMBIENT * sky * open_sky + (1 - _AMBIENT) * diffuse * (0.4 + 0.6 * open_sky)
    if wireframe:
        pixel = _SUPERSAMPLING * 2 * view.window[1] / size * np.abs(points @ view.axes[2])
        brightness = np.where(_on_edge(local[faces[face]], weights, pixel), _WIRE_SHADE * brightness, brightness)
    if error is None:
        return hit, brightness[:, None] * _SURFACE * 1.35
    if callable(error):
        values = error(points * view.reach + view.eye)
    else:
        values = np.einsum("nk,nk->n", weights, np.asarray(error, dtype=np.float64)[faces[face]])
    # Softer light, so that the colours of the scale stay close to those of its legend.
    return hit, error_colours(values / error_end) * (0.35 + 0.75 * brightness[:, None])


def _on_edge(corners: np.ndarray, weights: np.ndarray, pixel: np.ndarray) -> np.ndarray:
    """Whether points (n,) of triangles (n, 3, 3), given by barycentric weights (n, 3), lie on a drawn edge.

    pixel: (n,) width of a pixel at each point.
    """
    edges = np.roll(corners, -1, axis=1) - np.roll(corners, 1, axis=1)  # the one opposite of each corner
    double_area = np.linalg.norm(np.cross(edges[:, 0], edges[:, 1]), axis=1)
    heights = double_area[:, None] / np.maximum(np.linalg.norm(edges, axis=2), 1e-300)
    width = np.minimum(_WIRE * pixel, _WIRE_SHARE * heights.min(axis=1))
    return (weights * heights).min(axis=1) < width


def _normals(vertices: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Normals of the faces (m, 3), and of their corners (m, 3, 3): smooth where the surface is, flat at creases."""
    corners = vertices[faces]
    cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    flat = cross / np.maximum(np.linalg.norm(cross, axis=1, keepdims=True), 1e-300)
    # By position, not by index: files often repeat vertices along seams.
    _, place = np.unique(vertices, axis=0, return_inverse=True)
    place = place.reshape(-1)[faces]
    total = np.zeros((place.max() + 1, 3))
    for axis in range(3):
        total[:, axis] = np.bincount(place.ravel(), np.repeat(cross[:, axis], 3), minlength=len(total))
    smooth = total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-300)
    smooth = smooth[place]
    bent = np.einsum("mkd,md->mk", smooth, flat) < _CREASE
    return flat, np.where(bent[..., None], flat[:, None], smooth)


def _openness(
    caster: "RayMeshIntersector", points: np.ndarray, normals: np.ndarray, subpixel: np.ndarray
) -> np.ndarray:
    """Share (n,) of the sky above each point that the mesh itself does not hide (ambient occlusion).

    Every pixel looks in the same directions, shared out among its subpixels, so that its picture has no noise.
    """
    total = _SUPERSAMPLING**2 * _OCCLUSION_RAYS
    height = 1 - (2 * np.arange(total) + 1) / total
    turn = np.pi * (1 + 5**0.5) * np.arange(total)
    ring = np.sqrt(1 - height**2)
    sphere = np.stack([ring * np.cos(turn), ring * np.sin(turn), height], axis=1)
    free = np.zeros(len(points))
    start = points + 1e-4 * normals
    for ray in range(_OCCLUSION_RAYS):
        # A unit normal plus a uniform point of the unit sphere is cosine-distributed about the normal.
        rays = normals + 0.999 * sphere[ray * _SUPERSAMPLING**2 + subpixel]
        rays /= np.linalg.norm(rays, axis=1, keepdims=True)
        free += caster.intersect_rays(start, rays, 0.0, _OCCLUSION_REACH)[0] < 0
    return free / _OCCLUSION_RAYS

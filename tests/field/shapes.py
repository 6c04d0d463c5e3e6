"""Analytic shapes for the tests of the field, in the lattice frame."""

import numpy as np
import trimesh


def sphere(radius: float = 0.6, centre=(0.0, 0.0, 0.0), subdivisions: int = 3):
    mesh = trimesh.creation.icosphere(subdivisions=subdivisions, radius=radius)
    return np.asarray(mesh.vertices) + centre, np.asarray(mesh.faces)


def torus():
    mesh = trimesh.creation.torus(0.6, 0.2, major_sections=64, minor_sections=32)
    return np.asarray(mesh.vertices), np.asarray(mesh.faces)


def box(x: float, y: float, z: float, turn: float = 0.0):
    mesh = trimesh.creation.box((x, y, z))
    mesh.apply_transform(trimesh.transformations.rotation_matrix(turn, (1, 2, 3)))
    return np.asarray(mesh.vertices), np.asarray(mesh.faces)


def grid(height, count: int = 24, side: float = 0.9):
    """An open sheet z = height(x, y) over a square."""
    x, y = np.meshgrid(*[np.linspace(-side, side, count)] * 2, indexing="ij")
    i = np.arange(count * count).reshape(count, count)
    a, b, c, d = (part.ravel() for part in (i[:-1, :-1], i[1:, :-1], i[1:, 1:], i[:-1, 1:]))
    vertices = np.stack([x, y, height(x, y)], -1).reshape(-1, 3)
    return vertices, np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)])


def half_sphere():
    vertices, faces = sphere(0.8)
    return vertices, faces[vertices[faces].mean(1)[:, 2] < 0]


def moebius(width: float = 0.3, count: int = 120):
    u = np.linspace(0, 2 * np.pi, count, endpoint=False)
    rows = []
    for v in (-width, 0.0, width):
        r = 0.6 + v * np.cos(u / 2)
        rows.append(np.stack([r * np.cos(u), r * np.sin(u), v * np.sin(u / 2)], 1))
    vertices = np.concatenate(rows)
    faces = []
    for k in range(count):
        following = k + 1
        for row in range(2):
            a, b = row * count + k, (row + 1) * count + k
            if following < count:
                c, d = (row + 1) * count + following, row * count + following
            else:  # the strip comes back upside down
                c, d = (1 - row) * count, (2 - row) * count
            faces += [[a, b, c], [a, c, d]]
    return vertices, np.array(faces)


def join(*parts):
    vertices, faces, first = [], [], 0
    for v, f in parts:
        vertices.append(v)
        faces.append(f + first)
        first += len(v)
    return np.concatenate(vertices), np.concatenate(faces)


def reverse(shape):
    return shape[0], shape[1][:, ::-1]


def closed(faces) -> bool:
    """Whether every edge has exactly two triangles, in opposite directions."""
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    directed = np.unique(edges, axis=0)
    if len(directed) < len(edges):
        return False
    backwards = np.unique(edges[:, ::-1], axis=0)
    return np.array_equal(directed, backwards)


def volume(vertices, faces) -> float:
    a, b, c = vertices[faces].transpose(1, 0, 2)
    return float((a * np.cross(b, c)).sum() / 6)


def distances(shape, vertices, faces):
    """Distances from points of the shape to a mesh, and from the mesh's vertices to the shape."""
    import point_cloud_utils as pcu

    v, f = np.ascontiguousarray(shape[0], np.float64), np.ascontiguousarray(shape[1], np.int64)
    points = trimesh.sample.sample_surface(trimesh.Trimesh(v, f, process=False), 4000, seed=0)[0]
    forward = pcu.closest_points_on_mesh(np.ascontiguousarray(points), vertices, faces)[0]
    return forward, pcu.closest_points_on_mesh(vertices, v, f)[0]

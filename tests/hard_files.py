"""Awkward and broken mesh files, made from nothing, each with what a reader must make of it."""

from __future__ import annotations

import base64
import json
import struct
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from mesh_bytes import (
    area_of,
    glb_bytes,
    gltf_document,
    mesh_3mf,
    obj_text,
    off_text,
    ply_bytes,
    sphere,
    stl_bytes,
    torus,
    triangles_of,
    volume_of,
    write_3mf,
)


@dataclass(frozen=True)
class Expectation:
    """What must come of a file: an error, or a surface of this size in this place (None: not told)."""

    ok: bool
    what: str
    bounds: tuple[tuple[float, float, float], tuple[float, float, float]] | None = None
    area: float | None = None
    volume: float | None = None
    faces: int | None = None
    closed: bool | None = None


def write_hard_files(folder: Path, expanding: bool = True) -> dict[str, Expectation]:
    """Write the files into an existing folder.

    Args:
        folder: where to.
        expanding: also write the 3MF files that expand to 100 MB and more (about 0.5 MB and a second or two).

    Returns:
        What to expect of each file, by its path below the folder.
    """
    expected: dict[str, Expectation] = {}
    for write in (
        _empty_files,
        _broken_ply,
        _broken_others,
        _obj_dialects,
        _ply_dialects,
        _stl_dialects,
        _off_dialects,
    ):
        expected |= write(folder)
    for write in (_shapes, _places, _gltf_files, _plain_3mf, _awkward_names):
        expected |= write(folder)
    if expanding:
        expected |= _expanding_3mf(folder)
    return expected


def _fine(what: str, vertices: np.ndarray, faces: np.ndarray, **changes) -> Expectation:
    used = vertices[np.unique(faces)]
    low, high = used.min(axis=0).tolist(), used.max(axis=0).tolist()
    values = {"area": area_of(vertices, faces), "volume": volume_of(vertices, faces), "faces": len(faces)}
    return replace(Expectation(True, what, (tuple(low), tuple(high)), **values), **changes)


def _bad(what: str) -> Expectation:
    return Expectation(False, what)


# Broken files -------------------------------------------------------------------------------------------------------


def _empty_files(folder: Path) -> dict[str, Expectation]:
    names = [f"zero_bytes.{suffix}" for suffix in ("ply", "stl", "obj", "off", "glb", "gltf", "3mf")]
    for name in names:
        (folder / name).write_bytes(b"")
    (folder / "empty_solid.stl").write_text("solid nothing\nendsolid nothing\n")
    (folder / "header_only.ply").write_bytes(ply_bytes(np.zeros((0, 3)), np.zeros((0, 3), int)))
    names += ["empty_solid.stl", "header_only.ply"]
    return dict.fromkeys(names, _bad("nothing in it"))


def _broken_ply(folder: Path) -> dict[str, Expectation]:
    vertices, faces = sphere()
    data = ply_bytes(vertices, faces)
    holed = vertices.copy()
    holed[[5, 77]] = np.nan
    beyond = faces.copy()
    beyond[40, 1] = 1_000_000
    many = 4_000_000_000
    points = data[: data.index(b"element face")].replace(b"vertex 642", b"vertex 0642") + b"end_header\n"
    files = {
        "truncated.ply": (data[: int(0.6 * len(data))], "cut at 60 % of its length"),
        "nan_vertices.ply": (ply_bytes(holed, faces), "NaN in vertices that faces use"),
        "index_out_of_range.ply": (ply_bytes(vertices, beyond), "an index beyond the vertices"),
        "huge_count.ply": (ply_bytes(vertices[:300], faces[:10], counts=(many, many)), "declares 4 billion vertices"),
        "huge_face_count.ply": (ply_bytes(vertices, faces, counts=(len(vertices), many)), "declares 4 billion faces"),
        "garbage.ply": (np.random.default_rng(1).bytes(20_000), "random bytes"),
        "points_only.ply": (points + vertices.astype("<f4").tobytes(), "no face element"),
    }
    for name, (content, _) in files.items():
        (folder / name).write_bytes(content)
    return {name: _bad(what) for name, (_, what) in files.items()}


def _broken_others(folder: Path) -> dict[str, Expectation]:
    vertices, faces = sphere()
    far = vertices.copy()
    far[3] = np.inf
    stl, glb = stl_bytes(vertices, faces), glb_bytes(vertices, faces, [{"mesh": 0}])
    text = obj_text(vertices, faces)
    document, _ = gltf_document(vertices, faces, [{"mesh": 0}], "../../x.bin")
    looped, _ = gltf_document(vertices, faces, [{"mesh": 0, "children": [0]}], "external_buffer.bin")
    files = {
        "inf_vertices.stl": (stl_bytes(far, faces), "infinite coordinates"),
        "truncated.stl": (stl[: len(stl) // 2], "cut in the middle"),
        "huge_count.stl": (stl_bytes(vertices, faces[:4], count=2**32 - 1), "declares 4 billion facets"),
        "cut_text.stl": (_stl_text(vertices, faces)[:5000].encode(), "text STL cut within a facet"),
        "truncated.glb": (glb[: int(0.7 * len(glb))], "cut in its binary chunk"),
        "truncated.off": (off_text(vertices, faces)[:9000].encode(), "fewer lines than it declares"),
        "index_out_of_range.obj": ((text + "f 1 2 99999\n").encode(), "a face refers to vertex 99999"),
        "points_only.obj": (text[: text.index("f ")].encode(), "no face"),
        "stl_named.obj": (stl, "binary STL by another name"),
        "notes.txt": (b"not a mesh\n", "no mesh format"),
        "escaping_buffer.gltf": (json.dumps(document).encode(), "buffer outside the folder"),
        "looped_nodes.gltf": (json.dumps(looped).encode(), "a node that is its own child"),
        "deep.gltf": (b'{"asset":' + b"[" * 200_000, "nested without end"),
        "not_zip.3mf": (b"PK\3\4" + bytes(500), "no archive"),
    }
    for name, (content, _) in files.items():
        (folder / name).write_bytes(content)
    return {name: _bad(what) for name, (_, what) in files.items()}


def _stl_text(vertices: np.ndarray, faces: np.ndarray, number: str = "{:.8e}") -> str:
    lines = ["solid text"]
    for triangle in vertices[faces].tolist():
        lines += ["facet normal 0 0 0", "outer loop"]
        lines += ["vertex " + " ".join(number.format(x) for x in corner) for corner in triangle]
        lines += ["endloop", "endfacet"]
    return "\n".join([*lines, "endsolid text"]) + "\n"


# Dialects -----------------------------------------------------------------------------------------------------------


def _obj_dialects(folder: Path) -> dict[str, Expectation]:
    vertices, faces = sphere()
    ring, quads = torus()
    lines = []
    for quad in ring[quads].tolist():
        lines += [f"v {x:.9g} {y:.9g} {z:.9g}" for x, y, z in quad] + ["f -4 -3 -2 -1"]
    (folder / "negative_indices.obj").write_text("\n".join(lines))

    angle = np.arange(64) / 64 * 2 * np.pi
    rim = np.stack([np.cos(angle), np.sin(angle)], 1)
    prism, caps = _prism(rim, 2.0)
    (folder / "ngons.obj").write_text(obj_text(prism, caps))
    radius = np.where(np.arange(12) % 2 == 0, 0.35, 1.0)
    tips = radius[:, None] * np.stack([np.cos(np.arange(12) * np.pi / 6), np.sin(np.arange(12) * np.pi / 6)], 1)
    star, sides = _prism(tips, 0.4)
    (folder / "concave_ngons.obj").write_text(obj_text(star, sides))

    text = obj_text(vertices, faces)
    (folder / "missing_mtl.obj").write_text("mtllib nowhere.mtl\nusemtl red\n" + text)
    (folder / "huge_line.obj").write_text("# " + "x" * 1_500_000 + "\n" + text)
    (folder / "comment_ends_in_backslash.obj").write_text("# made in C:\\meshes\\\n" + text)
    (folder / "crlf_tabs_continued.obj").write_bytes(
        b"".join(
            (line.replace(" ", "\t", 3) if line[0] == "v" else " \\\r\n".join(line.rsplit(" ", 1))).encode() + b"\r\n"
            for line in text.splitlines()
        )
    )
    (folder / "all_indices.obj").write_text(
        text.replace("f ", "vt 0 0\nvn 0 0 1\nf ", 1) + "f 1/1/1 2/1/1 3/1/1\n".replace("1 2/", "1 1/", 1)
    )
    star_area = float(np.abs(_shoelace(tips)))
    around = float(np.linalg.norm(tips - np.roll(tips, 1, axis=0), axis=1).sum())
    result = {
        name: _fine(name, vertices, faces, closed=True)
        for name in ("missing_mtl.obj", "huge_line.obj", "comment_ends_in_backslash.obj", "crlf_tabs_continued.obj")
    }
    result["all_indices.obj"] = _fine("vertex/texture/normal indices, one face of no area", vertices, faces)
    split = triangles_of(quads)
    result["negative_indices.obj"] = _fine("every quad with its own vertices", ring, split, area=None, closed=True)
    box = tuple(map(tuple, (prism.min(axis=0).tolist(), prism.max(axis=0).tolist())))
    result["ngons.obj"] = Expectation(True, "64-gons", box, volume=2 * abs(_shoelace(rim)), faces=252, closed=True)
    box = tuple(map(tuple, (star.min(axis=0).tolist(), star.max(axis=0).tolist())))
    result["concave_ngons.obj"] = Expectation(
        True, "concave 12-gons", box, 2 * star_area + 0.4 * around, 0.4 * star_area, 44, True
    )
    return result


def _prism(rim: np.ndarray, height: float) -> tuple[np.ndarray, list[list[int]]]:
    count = len(rim)
    vertices = np.concatenate([np.insert(rim, 2, -height / 2, axis=1), np.insert(rim, 2, height / 2, axis=1)])
    sides = [[i, (i + 1) % count, (i + 1) % count + count, i + count] for i in range(count)]
    return vertices, [list(range(count))[::-1], list(range(count, 2 * count)), *sides]


def _shoelace(points: np.ndarray) -> float:
    (x, y), (u, v) = points.T, np.roll(points, -1, axis=0).T
    return float((x * v - u * y).sum() / 2)


def _ply_dialects(folder: Path) -> dict[str, Expectation]:
    vertices, faces = sphere()
    ring, quads = torus()
    head = "ply\nformat ascii 1.0\ncomment extra columns\nelement vertex 800\nproperty float quality\n"
    head += "".join(f"property double {axis}\n" for axis in ("x", "y", "z", "nx"))
    head += "element face 800\nproperty list uchar uint vertex_index\n"
    head += "element edge 1\nproperty int vertex1\nend_header\n"
    rows = [f"0.5 {x!r} {y!r} {z!r} 0" for x, y, z in ring.tolist()]
    rows += ["4 " + " ".join(map(str, quad)) for quad in quads.tolist()]
    (folder / "ascii_extra_columns.ply").write_text(head + "\n".join([*rows, "0"]) + "\n")

    # Triangles and quads mixed, a list of texture coordinates before the corners, and one flag behind them.
    head = f"ply\nformat binary_big_endian 1.0\nelement vertex {len(ring)}\n"
    head += "".join(f"property float {axis}\n" for axis in "xyz") + f"element face {len(quads) + 400}\n"
    head += "property list uchar float texcoord\nproperty list int uint vertex_indices\n"
    head += "property uchar flag\nend_header\n"
    body = ring.astype(">f4").tobytes()
    for index, quad in enumerate(quads.tolist()):
        for part in [quad[:3], [quad[0], *quad[2:]]] if index % 2 else [quad]:
            texture = np.zeros(2 * (index % 3), ">f4")
            body += struct.pack(">B", len(texture)) + texture.tobytes()
            body += struct.pack(f">i{len(part)}IB", len(part), *part, 7)
    (folder / "mixed_lists_big_endian.ply").write_bytes(head.encode() + body)
    (folder / "big_endian.ply").write_bytes(ply_bytes(vertices, faces, ">"))
    split = triangles_of(quads)
    return {
        "ascii_extra_columns.ply": _fine("x is not the first property", ring, split, area=None, closed=True),
        "mixed_lists_big_endian.ply": _fine("lists of many lengths", ring, split, area=None, closed=True),
        "big_endian.ply": _fine("big-endian", vertices, faces, closed=True),
    }


def _stl_dialects(folder: Path) -> dict[str, Expectation]:
    vertices, faces = sphere()
    (folder / "binary_starts_with_solid.stl").write_bytes(stl_bytes(vertices, faces, b"solid but binary"))
    (folder / "surplus_bytes.stl").write_bytes(stl_bytes(vertices, faces) + b"trailer")
    (folder / "exponents.stl").write_text(_stl_text(vertices * 1234.5, faces, "{:+.8E}"))
    (folder / "capitals_crlf.stl").write_bytes(_stl_text(vertices, faces).upper().replace("\n", "\r\n").encode())
    return {
        "binary_starts_with_solid.stl": _fine("binary, header starts with solid", vertices, faces, closed=True),
        "surplus_bytes.stl": _fine("bytes after the last facet", vertices, faces, closed=True),
        "exponents.stl": _fine("text with exponents", vertices * 1234.5, faces, closed=True),
        "capitals_crlf.stl": _fine("text in capitals, CRLF", vertices, faces, closed=True),
    }


def _off_dialects(folder: Path) -> dict[str, Expectation]:
    vertices, faces = sphere()
    ring, quads = torus()
    lines = ["# by hand", "OFF # keyword", "# counts", "800 800 0", ""]
    lines += [f"{x:.9g}\t{y:.9g} {z:.9g} # p" for x, y, z in ring.tolist()] + ["", "# faces"]
    lines += ["4  " + " ".join(map(str, quad)) + f" {i % 255} 10 20" for i, quad in enumerate(quads.tolist())]
    (folder / "comments_colours.off").write_text("\n".join(lines))
    (folder / "glued_counts.off").write_text(off_text(vertices, faces).replace("OFF\n", "OFF", 1))
    columns = np.concatenate([vertices, vertices, np.ones((len(vertices), 4))], axis=1)
    (folder / "normals_colours.off").write_text("CN" + off_text(columns, faces))
    return {
        "comments_colours.off": _fine("comments, blank lines, quads, colours", ring, triangles_of(quads), area=None),
        "glued_counts.off": _fine("counts on the keyword's line", vertices, faces, closed=True),
        "normals_colours.off": _fine("ten columns a vertex", vertices, faces, closed=True),
    }


# Shapes and places --------------------------------------------------------------------------------------------------


def _shapes(folder: Path) -> dict[str, Expectation]:
    vertices, faces = sphere()
    rng = np.random.default_rng(0)
    expected = {}

    def ply(name: str, points: np.ndarray, triangles: np.ndarray, expectation: Expectation) -> None:
        (folder / name).write_bytes(ply_bytes(points, triangles))
        expected[name] = expectation

    away = np.concatenate([vertices, [[4, 4, 0], [5, 5, 0], [6, 6, 0]]])
    flat = np.concatenate([faces, [[642, 643, 644], [642, 642, 644], [643, 643, 643], [644, 643, 642]]])
    ply("zero_area_faces.ply", away, flat, _fine("flat faces away from the sphere", vertices, faces, closed=True))
    again = np.concatenate([faces, np.roll(faces[:400], 1, axis=1), faces[:250]])
    ply("duplicated_faces.ply", vertices, again, _fine("faces twice and thrice", vertices, faces, closed=True))
    turned = np.where(rng.random((len(faces), 1)) < 0.45, faces[:, ::-1], faces)
    ply("half_flipped.ply", vertices, turned, _fine("near half of the faces reversed", vertices, faces, closed=True))
    ply("inside_out.ply", vertices, faces[:, ::-1], _fine("all faces reversed", vertices, faces[:, ::-1]))
    stray = np.concatenate([np.full((900, 3), 1e6), vertices])
    ply("unreferenced_vertices.ply", stray, faces + 900, _fine("900 unused vertices", vertices, faces, closed=True))
    both = np.concatenate([vertices, 0.5 * vertices])
    hollow = np.concatenate([faces, faces[:, ::-1] + 642])
    ply("hollow_sphere.ply", both, hollow, _fine("outer and inner shell", both, hollow, closed=True))
    half = faces[(vertices[faces][:, :, 2] >= -1e-9).all(axis=1)]
    ply("open_half_sphere.ply", vertices, half, _fine("one boundary", vertices, half, volume=None, closed=False))
    plate = np.array([[0, 0, 0], [2, 0, 0], [2, 1, 0], [0, 1, 0]], float)
    quad = np.array([[0, 1, 2], [0, 2, 3]])
    ply("flat_quad.ply", plate, quad, _fine("no thickness", plate, quad, closed=False))
    # A box side cut at the middle of an edge on one side only: the flat face (0, 4, 1) closes the gap.
    box = np.array([[0, 0, 0], [2, 0, 0], [0, 2, 0], [0, 0, 2], [1, 0, 0]], float)
    tetrahedron = np.array([[0, 2, 1], [0, 3, 2], [1, 2, 3], [0, 4, 3], [4, 1, 3], [0, 1, 4]])
    closing = _fine("a flat face closes the surface", box, tetrahedron, closed=True)
    ply("flat_face_closes.ply", box, tetrahedron, closing)
    (folder / "fan_of_seven.obj").write_text(
        "v 0 0 0\nv 0 0 1\n" + "".join(f"v {np.cos(i)} {np.sin(i)} 0.5\nf 1 2 -1\n" for i in range(7))
    )
    expected["fan_of_seven.obj"] = Expectation(True, "seven faces on one edge", area=3.5, faces=7, closed=False)
    (folder / "one_triangle.obj").write_text("v 0 0 0\nv 1 0 0\nv 0 1 0.2\nf 1 2 3\n")
    expected["one_triangle.obj"] = Expectation(True, "one triangle", ((0, 0, 0), (1, 1, 0.2)), faces=1, closed=False)
    return expected


def _places(folder: Path) -> dict[str, Expectation]:
    vertices, faces = sphere()
    far = vertices * 50 + 1e9
    (folder / "offset_1e9.ply").write_bytes(ply_bytes(far, faces, number="f8"))
    (folder / "tiny_1e-9.ply").write_bytes(ply_bytes(vertices * 1e-9, faces))
    (folder / "huge_1e30.off").write_text(off_text(vertices * 1e30, faces))
    x, y = (axis.ravel() for axis in np.meshgrid(np.arange(31.0), np.arange(31.0), indexing="ij"))
    ground = np.stack([500_000 + 4 * x, 4_000_000 + 4 * y, 80 + np.round(5 * np.sin(x / 5) * np.cos(y / 7), 3)], 1)
    i, j = (axis.ravel() for axis in np.meshgrid(np.arange(30), np.arange(30), indexing="ij"))
    corner = i * 31 + j
    terrain = triangles_of(np.stack([corner, corner + 31, corner + 32, corner + 1], 1))
    (folder / "utm_terrain.obj").write_text(obj_text(ground, terrain, 12))
    return {
        "offset_1e9.ply": _fine("radius 50 at 1e9", far, faces, closed=True),
        "tiny_1e-9.ply": _fine("radius 1e-9", vertices * 1e-9, faces, closed=True),
        "huge_1e30.off": _fine("radius 1e30", vertices * 1e30, faces, closed=True),
        "utm_terrain.obj": _fine("open sheet far off", ground, terrain, area=None, volume=None, closed=False),
    }


# Scenes -------------------------------------------------------------------------------------------------------------


def _gltf_files(folder: Path) -> dict[str, Expectation]:
    vertices, faces = sphere()
    placed = {"mesh": 0, "translation": [1, 2, 3], "scale": [2, 2, 2]}
    document, binary = gltf_document(vertices, faces, [placed], "external%20buffer.bin")
    (folder / "external buffer.bin").write_bytes(binary)
    (folder / "external_buffer.gltf").write_text(json.dumps(document))
    document["buffers"][0]["uri"] = "data:application/octet-stream;base64," + base64.b64encode(binary).decode()
    (folder / "embedded_buffer.gltf").write_text(json.dumps(document))
    half = 0.5**0.5
    nodes = [
        {"children": [1, 2, 3]},
        {"mesh": 0},
        {"mesh": 0, "translation": [5, 0, 0], "scale": [1, 2, 1], "rotation": [0, 0, half, half]},
        # A mirror: faces must be turned, or the volume would be lost.
        {"mesh": 0, "matrix": [-1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, -5, 0, 0, 1]},
    ]
    (folder / "scene_instances.glb").write_bytes(glb_bytes(vertices, faces, nodes))
    inside = _fine("scaled and moved by its node", vertices * 2 + (1, 2, 3), faces, closed=True)
    volume = 4 * volume_of(vertices, faces)
    x, y, z = vertices.max(axis=0).tolist()  # the sphere is its own mirror image
    bounds = ((-5 - x, -y, -z), (5 + 2 * y, y, z))
    return {
        "external_buffer.gltf": inside,
        "embedded_buffer.gltf": inside,
        "scene_instances.glb": Expectation(True, "three nodes", bounds, None, volume, 3 * len(faces), True),
        "external buffer.bin": _bad("a buffer, no mesh of its own"),
    }


def _plain_3mf(folder: Path) -> dict[str, Expectation]:
    vertices, faces = sphere(2, 20.0)
    turn = "0 1 0 -1 0 0 0 0 1 60 0 5"
    items = f'<item objectid="1"/><item objectid="1" transform="{turn}"/>'
    write_3mf(folder / "valid.3mf", mesh_3mf(vertices, faces), items)
    second = vertices @ np.array([[0, 1, 0], [-1, 0, 0], [0, 0, 1.0]]) + (60, 0, 5)
    both, twice = np.concatenate([vertices, second]), np.concatenate([faces, faces + len(vertices)])
    return {"valid.3mf": _fine("one sphere built twice", both, twice, closed=True)}


def _expanding_3mf(folder: Path) -> dict[str, Expectation]:
    vertices, faces = sphere(2)
    points, corners = mesh_3mf(vertices, faces)
    blanks = [" " * 1_000_000] * 100
    write_3mf(folder / "expands_to_100mb.3mf", [points, *blanks, corners], '<item objectid="1"/>')
    write_3mf(folder / "bomb.3mf", [points, *blanks * 4, corners], '<item objectid="1"/>')
    return {
        "expands_to_100mb.3mf": _fine("100 MB of blanks around a sphere", vertices, faces, closed=True),
        "bomb.3mf": _bad("expands a thousand times, to 400 MB"),
    }


def _awkward_names(folder: Path) -> dict[str, Expectation]:
    vertices, faces = sphere(2)
    expected = {}
    for name in ("with spaces (1).ply", "éü ñ accents.ply", "模型 三维.ply", "[brackets]*.ply", "-dash.ply"):
        (folder / name).write_bytes(ply_bytes(vertices, faces))
        expected[name] = _fine("an awkward name", vertices, faces, closed=True)
    return expected

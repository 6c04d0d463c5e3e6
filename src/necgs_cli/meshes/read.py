"""Any supported file, or arrays, to a checked and mended mesh."""

from __future__ import annotations

import importlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from necgs_cli.meshes.clean import clean
from necgs_cli.meshes.find import SUFFIXES
from necgs_cli.meshes.mesh import Mesh, MeshError
from necgs_cli.meshes.parsed import Parsed

if TYPE_CHECKING:
    import trimesh

# Suffix: (format's name, module with parse(path) -> Parsed).
_PARSERS = {
    ".ply": ("ply", "ply"),
    ".obj": ("obj", "obj"),
    ".stl": ("stl", "stl"),
    ".off": ("off", "off"),
    ".glb": ("glb", "gltf"),
    ".gltf": ("gltf", "gltf"),
    ".3mf": ("3mf", "threemf"),
}


@dataclass(frozen=True, eq=False)
class Loaded:
    """A mesh as it was read.

    Args:
        mesh: the mesh, in source units.
        format: "ply", "obj", "stl", "off", "glb", "gltf", "3mf", or "arrays" if it did not come from a file.
        file_bytes: size of the file (with the buffers beside it, for glTF), or of the arrays.
        dropped: kinds of data in the file that a compressed model does not keep, such as "normals".
        repairs: what was mended, such as "4 faces without area dropped".
    """

    mesh: Mesh
    format: str
    file_bytes: int
    dropped: tuple[str, ...]
    repairs: tuple[str, ...]


def read_mesh(path: str | Path) -> Loaded:
    """Read a mesh file: PLY, OBJ, STL, OFF, GLB, glTF or 3MF, by its suffix.

    Args:
        path: a regular file.

    Returns:
        The mesh with all parts of the file in place, as one.

    Raises:
        MeshError: if the file cannot be read, is no mesh, is damaged, or holds no surface. The message does not
            repeat the path.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    try:
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):
            raise MeshError("is not a regular file")
        if suffix not in _PARSERS:
            raise MeshError(f"is not a mesh file by its name (known: {' '.join(SUFFIXES)})")
        if status.st_size == 0:
            raise MeshError("is empty: a file of 0 bytes")
        format_name, module = _PARSERS[suffix]
        # Numbers out of range are found and named by the checks; NumPy's own warnings would only repeat them.
        with np.errstate(all="ignore"):
            parsed = importlib.import_module(f"necgs_cli.meshes.{module}").parse(path)
            mesh, repairs = clean(parsed)
    except OSError as error:
        raise MeshError(f"cannot be read: {error.strerror or error}") from error
    except MemoryError as error:
        raise MeshError("needs more memory than there is") from error
    return Loaded(mesh, format_name, status.st_size + parsed.extra_bytes, parsed.dropped, repairs)


def from_arrays(vertices: np.ndarray, faces: np.ndarray) -> Loaded:
    """Check and mend a mesh given as arrays.

    Args:
        vertices: (n, 3) numbers.
        faces: (m, 3) whole numbers, rows of `vertices`.

    Returns:
        The mesh, format "arrays".

    Raises:
        MeshError: if the shapes, indices or coordinates are no mesh.
    """
    vertices, faces = np.asarray(vertices), np.asarray(faces)
    for array, what, kinds in ((vertices, "vertices", "fiu"), (faces, "faces", "iu")):
        if array.ndim != 2 or array.shape[1] != 3:
            raise MeshError(f"{what} must have the shape (n, 3), not {array.shape}")
        if array.dtype.kind not in kinds:
            raise MeshError(f"{what} must be {'numbers' if 'f' in kinds else 'whole numbers'}, not {array.dtype}")
    mesh, repairs = clean(Parsed(vertices.astype(np.float64), faces.astype(np.int64)))
    return Loaded(mesh, "arrays", vertices.nbytes + faces.nbytes, (), repairs)


def from_trimesh(mesh: trimesh.Trimesh | trimesh.Scene) -> Loaded:
    """Check and mend a trimesh object; a scene's parts are put in place and joined.

    Raises:
        MeshError: if it holds no surface, or is no `Trimesh` or `Scene`.
    """
    import trimesh

    if isinstance(mesh, trimesh.Scene):
        mesh = mesh.to_mesh()
    if not isinstance(mesh, trimesh.Trimesh):
        raise MeshError(f"is not a trimesh mesh or scene, but {type(mesh).__name__}")
    loaded = from_arrays(mesh.vertices, mesh.faces)
    visual = mesh.visual
    dropped: list[str] = []
    if visual.defined:
        kinds = {"texture": ["texture coordinates", "materials"], "vertex": ["vertex colours"]}
        dropped = kinds.get(visual.kind, ["face colours"])
    return Loaded(loaded.mesh, loaded.format, loaded.file_bytes, tuple(dropped), loaded.repairs)

"""docs/mesh_coder.md and docs/format.md are enough: what is written from them agrees with ours in every integer."""

from pathlib import Path

import mesh_record_mirrors as mirrors
import mesh_record_reference as reference
import mesh_record_surface
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mesh_record_stream import KINDS, Refused, start_table
from strange_meshes import some_alone, strange_mesh, strange_part
from test_explicit_coding_golden import AXES, GOLDEN

from necgs_cli.bitstream.container import Container
from necgs_cli.bitstream.errors import DamagedFile
from necgs_cli.decoding import POSED, RecordDecoder
from necgs_cli.explicit.coding import DamagedRecord, decode_mesh, decode_pose, encode_mesh, encode_pose
from necgs_cli.explicit.control_mesh import CREASED, ControlMesh
from necgs_cli.explicit.mirror import Mirrors
from necgs_cli.explicit.records import decode_record, encode_record

FILES = Path(__file__).parents[1] / "golden"
PAGE = (Path(__file__).parents[2] / "docs" / "mesh_coder.md").read_text()


def assert_equal(data, axes=(), wanted=None):
    found = reference.decode(data, 1 << 18, axes)
    assert_same(found, *(decode_mesh(data, axes=axes) if wanted is None else wanted))


def assert_same(found, positions, faces, creases):
    assert found.positions == positions.tolist()
    assert [list(t) for t in found.triangles] == faces.tolist()
    assert [list(c) for c in found.creases] == ([] if creases is None else creases.tolist())


@pytest.mark.parametrize("name", GOLDEN)
def test_the_golden_records_of_every_method_decode_alike(name):
    assert_equal(bytes.fromhex(GOLDEN[name][0]), AXES.get(name, ()))


@pytest.mark.parametrize("name", ["loop", "loop_creased", "triangles", "posed", "mirrored"])
def test_the_golden_files_decode_alike(name):
    with Container.open(FILES / f"{name}.ncgs") as container:
        decoder, meshes = RecordDecoder(container), []
        for id in range(len(container)):
            entry, payload, wanted = container.entry(id), container.payload(id), decoder.control_mesh(id)
            if entry.kind == POSED:
                grid, origin, before = meshes[entry.depends[0]]
                here = reference.scaled(before.positions, grid, payload[0])
                positions = reference.decode_pose(payload[1:], here, before.triangles)
                grid, whole = payload[0], reference.Reference(positions, before.triangles, before.creases)
            elif entry.kind > POSED:
                _, origin, grid, part, whole = mirrors.decode_mirrored(payload)
                assert_same(part, wanted.positions, wanted.faces, wanted.creases)
            else:
                grid, origin, whole = payload[0], [0.0] * 3, reference.decode(payload[1:])
            meshes.append((grid, origin, whole))
            found = wanted.whole()
            assert (grid, origin) == (found.grid, found.mirrors.origin.tolist())
            assert_same(whole, found.positions, found.faces, found.creases)


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1))
def test_the_surfaces_of_strange_meshes_agree(seed):
    q, f, creases = strange_mesh(np.random.default_rng(seed))
    wanted, faces = ControlMesh(q.astype(np.int32), f, creases, CREASED, 9).surface()
    points = (q * 2**-4.5).tolist()
    found, triangles = mesh_record_surface.surface(points, [tuple(t) for t in f.tolist()], creases.tolist())
    assert [list(t) for t in triangles] == faces.tolist()
    np.testing.assert_allclose(found, wanted, atol=1e-12 * np.abs(q).max())


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1))
def test_the_wholes_of_strange_parts_agree(seed):
    rng = np.random.default_rng(seed)
    q, f, creases, axes = strange_part(rng)
    places = [int(rng.integers(-(2**14), 2**14 + 1)) if axis in axes else 0 for axis in range(3)]
    single = some_alone(rng, q, f) if rng.random() < 0.5 else None
    mesh = ControlMesh(q.astype(np.int32), f, creases, CREASED, 9, Mirrors(axes, tuple(places)), single)
    part = reference.Reference(q.tolist(), [tuple(t) for t in f.tolist()], [tuple(c) for c in creases.tolist()])
    alone = None if single is None else set(np.flatnonzero(single).tolist())
    whole, wanted = mirrors.unfold(part, axes, alone), mesh.whole()
    assert_same(whole, wanted.positions, wanted.faces, wanted.creases)
    points = [[x * 2**-4.5 + place / 2**14 for x, place in zip(p, places, strict=True)] for p in whole.positions]
    found, triangles = mesh_record_surface.surface(points, whole.triangles, whole.creases)
    surface, faces = mesh.surface()
    assert [list(t) for t in triangles] == faces.tolist()
    np.testing.assert_allclose(found, surface, atol=1e-12 * max(1, np.abs(q).max()))


@settings(max_examples=60)
@given(st.integers(0, 2**32 - 1))
def test_meshes_with_everything_in_them_decode_alike(seed):
    rng = np.random.default_rng(seed)
    q, f, creases = strange_mesh(rng)
    assert_equal(encode_mesh(q, f, creases=creases, methods=(int(rng.integers(4)),))[0])


@settings(max_examples=80)
@given(st.integers(0, 2**32 - 1))
def test_parts_of_mirrored_meshes_decode_alike(seed):
    rng = np.random.default_rng(seed)
    q, f, creases, axes = strange_part(rng)
    assert_equal(encode_mesh(q, f, creases=creases, methods=(int(rng.integers(4)),), axes=axes)[0], axes)


@settings(max_examples=60)
@given(st.integers(0, 2**32 - 1))
def test_mirrored_records_decode_alike_whichever_parts_have_images(seed):
    rng = np.random.default_rng(seed)
    q, f, creases, axes = strange_part(rng)
    single = some_alone(rng, q, f)
    number, payload = encode_record(ControlMesh(q.astype(np.int32), f, creases, CREASED, 9, Mirrors(axes), single))
    wanted = decode_record(number, payload)
    found_axes, origin, grid, part, whole = mirrors.decode_mirrored(payload)
    assert (found_axes, origin, grid) == (axes, [0.0] * 3, 9)
    assert_same(part, wanted.positions, wanted.faces, wanted.creases)
    bits = mirrors.read_head(payload)[2]
    assert sorted(mirrors.without_images(part, bits)) == np.flatnonzero(wanted.single).tolist()
    assert wanted.single.sum() == single.sum()
    wanted = wanted.whole()
    assert_same(whole, wanted.positions, wanted.faces, wanted.creases)


@settings(max_examples=150)
@given(st.integers(0, 20), st.integers(0, 40), st.integers(1, 255), st.booleans())
def test_heads_of_mirrored_records_are_refused_by_both_or_by_none(seed, where, change, longer):
    rng = np.random.default_rng(seed)
    q, f, creases, axes = strange_part(rng)
    mesh = ControlMesh(q.astype(np.int32), f, creases, CREASED, 9, Mirrors(axes), some_alone(rng, q, f))
    number, payload = encode_record(mesh)
    head = len(payload) - len(mirrors.read_head(payload)[3])
    data = bytearray(payload)
    if longer:
        data.insert(where % head, change)
    else:
        data[where % head] ^= change
    try:
        wanted = decode_record(number, bytes(data))
    except DamagedFile:
        with pytest.raises(Refused):
            mirrors.decode_mirrored(bytes(data))
        return
    axes, origin, grid, part, whole = mirrors.decode_mirrored(bytes(data))
    assert (axes, origin, grid) == (wanted.mirrors.axes, wanted.mirrors.origin.tolist(), wanted.grid)
    assert_same(part, wanted.positions, wanted.faces, wanted.creases)
    wanted = wanted.whole()
    assert_same(whole, wanted.positions, wanted.faces, wanted.creases)


@settings(max_examples=40)
@given(st.integers(0, 2**32 - 1))
def test_poses_of_any_mesh_decode_alike(seed):
    rng = np.random.default_rng(seed)
    q, f, _ = strange_mesh(rng)
    pose = q + rng.integers(-3, 4, q.shape) if rng.random() < 0.5 else q[:, [1, 2, 0]] * 3 // 2
    data = encode_pose(pose, q, f, methods=(int(rng.integers(4)),))
    found = reference.decode_pose(data, q.tolist(), [tuple(t) for t in f.tolist()])
    assert found == pose.tolist() == decode_pose(data, q, f).tolist()


@settings(max_examples=100)
@given(st.sampled_from(list(GOLDEN)), st.integers(0, 10**6), st.integers(1, 255))
def test_what_is_refused_is_refused_by_both_and_the_rest_decodes_alike(name, where, change):
    data, axes = bytearray(bytes.fromhex(GOLDEN[name][0])), AXES.get(name, ())
    data[where % len(data)] ^= change
    try:
        wanted = decode_mesh(bytes(data), max_vertices=150, axes=axes)
    except DamagedRecord:
        with pytest.raises(Refused):
            reference.decode(bytes(data), 150, axes)
    else:
        assert_equal(bytes(data), axes, wanted)


def test_the_page_tells_how_large_the_start_tables_are():
    counters = sum(sum(sizes) for sizes, _, _ in KINDS.values())
    weights = sum(len(kind.weights) * len(kind.weights[0]) for kind in start_table(False).values())
    assert f"C is {counters:,}, and {weights} weights are in use" in PAGE

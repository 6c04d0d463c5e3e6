"""Compiled or not, the coder writes the same bytes and reads the same integers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strange_meshes import strange_mesh, strange_part, strange_pose

pytest.importorskip("numba")

from necgs_cli.explicit.coding import (
    DamagedRecord,
    choice,
    compiled,
    decode_mesh,
    decode_pose,
    encode_mesh,
    encode_pose,
    field,
    record,
)
from necgs_cli.explicit.coding.kernel import PYTHON

SCALES = (1, 7, 300, 40_000, 1 << 19, 1 << 21, 1 << 24, (1 << 31) - 1)
"""Of coordinates: within reach of compiled kernels, at its edge, beyond."""


@pytest.fixture(scope="module")
def mode():
    """The compiled mode; compiling takes about half a minute where this machine has not done it before."""
    return compiled.prepare()


@pytest.fixture
def fallbacks(monkeypatch):
    """The modes in which records are tried, one after the other."""
    told = []

    def watch(name):
        make = getattr(record, name)

        def watched(mode, what):
            told.append(mode.name)
            return make(mode, what)

        monkeypatch.setattr(record, name, watched)

    watch("encoder")
    watch("decoder")
    return told


def bump(rows, columns, seed, scale):
    """A height field with some noise on rows x columns vertices, coordinates about as large as `scale`."""
    r, c = np.meshgrid(np.arange(rows), np.arange(columns), indexing="ij")
    z = np.sin(r / 2) + np.cos(c / 3)
    q = np.stack([r / rows, c / columns, z / 3], -1).reshape(-1, 3)
    q += np.random.default_rng(seed).normal(0, 0.01, q.shape)
    a = (r * columns + c)[:-1, :-1].ravel()
    f = np.concatenate([np.stack([a, a + columns, a + 1], 1), np.stack([a + 1, a + columns, a + columns + 1], 1)])
    return np.rint(np.clip(q, -1, 1) * scale).astype(np.int64), f


def assert_alike(mode, q, f, creases=None, axes=()):
    """Every method writes the same in both modes, and what is written reads alike."""
    for method in range(4):
        data, order = encode_mesh(q, f, creases=creases, methods=(method,), axes=axes)
        again, order_again = encode_mesh(q, f, creases=creases, methods=(method,), axes=axes, mode=mode)
        assert data == again
        assert np.array_equal(order, order_again)
        for a, b in zip(decode_mesh(data, axes=axes), decode_mesh(data, axes=axes, mode=mode), strict=True):
            assert a.dtype == b.dtype and np.array_equal(a, b)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_poses_of_any_mesh_code_alike(mode, seed):
    rng = np.random.default_rng(seed)
    q, f, _ = strange_mesh(rng)
    pose, methods = strange_pose(rng, q), (int(rng.integers(4)),)
    data = encode_pose(pose, q, f, methods=methods)
    assert encode_pose(pose, q, f, methods=methods, mode=mode) == data
    assert np.array_equal(decode_pose(data, q, f, mode=mode), pose)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), factor=st.sampled_from((1, 50, 1 << 15)))
def test_parts_of_mirrored_meshes_code_alike(mode, seed, factor):
    q, f, creases, axes = strange_part(np.random.default_rng(seed))
    assert_alike(mode, q * factor, f, creases, axes)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), rows=st.integers(2, 8), columns=st.integers(2, 8), scale=st.sampled_from(SCALES))
def test_height_fields_of_any_scale_code_alike(mode, seed, rows, columns, scale):
    q, f = bump(rows, columns, seed, scale)
    f = f[np.random.default_rng(seed).random(len(f)) < 0.9]
    assert_alike(mode, q, f, f[::5, :2])


@st.composite
def soups(draw):
    """Random triangles on few vertices, flat ones, loose vertices and repeated parts among them."""
    n = draw(st.integers(1, 12))
    scale = draw(st.sampled_from(SCALES))
    coordinate = st.integers(-scale, scale)
    q = np.array(draw(st.lists(st.tuples(coordinate, coordinate, coordinate), min_size=n, max_size=n)))
    index = st.integers(0, n - 1)
    f = np.array(draw(st.lists(st.tuples(index, index, index), max_size=30)), int).reshape(-1, 3)
    if draw(st.booleans()) and scale < 1 << 20:
        q, f = np.concatenate([q, q + draw(st.integers(1, 50))]), np.concatenate([f, f + n])
    return q, f


@settings(max_examples=80, deadline=None)
@given(soups())
def test_any_soup_codes_alike(mode, soup):
    assert_alike(mode, *soup)


def test_a_part_too_dense_for_the_field_is_refused_alike(mode):
    fan = np.array([(0, k, k + 1) for k in range(1, 1500)])
    q = np.stack([np.arange(1501), np.arange(1501) ** 2 % 97, np.zeros(1501, int)], axis=1)
    for way in (PYTHON, mode):
        with pytest.raises(ValueError, match="method"):
            encode_mesh(q, fan, methods=(0,), mode=way)
    assert encode_mesh(q, fan, methods=(3,))[0] == encode_mesh(q, fan, methods=(3,), mode=mode)[0]


@pytest.mark.parametrize("rows", [60, 76])
def test_large_parts_are_predicted_by_the_field_alike(mode, rows):
    """One of two and one of nearly all the vertices that the field takes; it pays."""
    q, f = bump(rows, 80, 1, 3000)
    assert field.MAX_VERTICES - 100 < 76 * 80 <= field.MAX_VERTICES
    data, _ = encode_mesh(q, f, methods=(0,), mode=mode)
    assert encode_mesh(q, f, methods=(0,))[0] == data
    assert len(data) < len(encode_mesh(q, f, methods=(3,), mode=mode)[0])
    for a, b in zip(decode_mesh(data), decode_mesh(data, mode=mode), strict=True):
        assert np.array_equal(a, b)


def test_a_part_too_large_for_the_field_is_coded_without_it(mode):
    q, f = bump(77, 80, 1, 3000)
    with pytest.raises(ValueError, match="method"):
        encode_mesh(q, f, methods=(0,), mode=mode)
    assert len(decode_mesh(encode_mesh(q, f, mode=mode)[0], mode=mode)[0]) == len(q)


def outcome(data, **options):
    """What decoding gives, for comparison."""
    try:
        return [a.tolist() for a in decode_mesh(data, max_vertices=300, **options)]
    except DamagedRecord as error:
        return str(error)


MIRRORS = st.sampled_from([(), (0,), (1, 2), (0, 1, 2)])


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=300), MIRRORS)
def test_random_bytes_give_the_same_mesh_or_the_same_error(mode, data, axes):
    assert outcome(data, axes=axes) == outcome(data, axes=axes, mode=mode)


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 50),
    method=st.integers(0, 3),
    where=st.integers(0, 10**6),
    change=st.integers(1, 255),
    scale=st.sampled_from(SCALES[:6]),
    axes=MIRRORS,
)
def test_a_changed_byte_gives_the_same_mesh_or_the_same_error(mode, seed, method, where, change, scale, axes):
    q, f = bump(6, 7, seed, scale)
    q[:, axes] = np.maximum(q[:, axes], 0)
    data = bytearray(encode_mesh(q, f, creases=f[:6, :2], methods=(method,), axes=axes)[0])
    data[where % len(data)] ^= change
    assert outcome(bytes(data), axes=axes) == outcome(bytes(data), axes=axes, mode=mode)


@pytest.mark.parametrize("axes", [(), (0, 1)])
def test_usual_records_stay_in_the_compiled_kernels(mode, fallbacks, axes):
    q, f = bump(12, 12, 1, 1500)
    q[:, axes] = np.maximum(q[:, axes], 0)
    for method in range(4):
        data = encode_mesh(q, f, creases=f[:9, :2], methods=(method,), axes=axes, mode=mode)[0]
        decode_mesh(data, axes=axes, mode=mode)
    assert set(fallbacks) == {"compiled"}


def test_coordinates_beyond_reach_are_left_to_python(mode, fallbacks):
    q, f = bump(5, 5, 1, 2 * compiled.LIMIT)
    data = encode_mesh(q, f, mode=mode)[0]
    assert set(fallbacks) == {"python"}
    fallbacks.clear()
    assert np.array_equal(decode_mesh(data, mode=mode)[0], decode_mesh(data)[0])
    assert fallbacks[:2] == ["compiled", "python"]


@pytest.mark.parametrize("name", ["isqrt", "length", "isqrt_of_product", "bit_length"])
def test_primitives_are_exact(mode, name):
    from necgs_cli.explicit.coding import compiled_primitives as primitives
    from necgs_cli.explicit.coding import kernel

    rng = np.random.default_rng(0)
    bounds = {"isqrt": (62, 1), "length": (53, 3), "isqrt_of_product": (54, 2), "bit_length": (63, 1)}
    bits, count = bounds[name]
    with np.errstate(over="ignore"):
        for k in range(2000):
            top = 1 << int(rng.integers(1, bits + 1))
            root = int(rng.integers(0, 1 << 27))
            values = [top - 1 - k % 3] * count if k % 2 else [min(root * root + k % 5 - 2, (1 << bits) - 1)] * count
            values = [max(v, 0) for v in values]
            wanted = getattr(kernel, name)(*values)
            assert int(getattr(primitives, name)(*map(np.int64, values))) == wanted


def test_few_bytes_are_left_to_python_and_many_are_not(monkeypatch, mode):
    assert choice.mode_for(choice.LOADING_PAYS - 1) is PYTHON
    assert choice.mode_for(choice.LOADING_PAYS).name == "compiled"
    said = []
    monkeypatch.setattr(compiled, "is_ready", lambda: False)
    monkeypatch.setattr(compiled, "prepare", lambda: "prepared")
    assert choice.mode_for(choice.COMPILING_PAYS - 1, said.append) is PYTHON
    assert not said
    assert choice.mode_for(choice.COMPILING_PAYS, said.append) == "prepared"
    assert "compiling" in said[0]
    monkeypatch.setattr(compiled, "is_available", lambda: False)
    assert choice.mode_for(choice.COMPILING_PAYS) is PYTHON


def test_the_more_is_encoded_the_more_it_is_worth_loading_machine_code(monkeypatch, mode):
    monkeypatch.setattr(choice, "_coded_bytes", 0.0)
    asked = [choice.mode_for_next(160).name for _ in range(20)]
    assert asked[:10] == ["python"] * 10
    assert asked[-1] == "compiled"


def test_without_a_folder_to_keep_code_in_python_does_it(monkeypatch, tmp_path):
    blocked = tmp_path / "file"
    blocked.touch()
    monkeypatch.setenv("NECGS_CACHE_DIR", str(blocked))
    compiled.cache_folder.cache_clear()
    try:
        assert compiled.cache_folder() is None and not compiled.is_ready()
        assert choice.mode_for(choice.COMPILING_PAYS) is PYTHON
    finally:
        compiled.cache_folder.cache_clear()


def test_a_search_compiles_first_where_that_pays(monkeypatch):
    prepared, said = [], []
    monkeypatch.setattr(compiled, "is_ready", lambda: False)
    monkeypatch.setattr(compiled, "prepare", lambda: prepared.append(1))
    choice.compile_for_search(choice.MANY_MODELS - 1, said.append)
    assert not prepared and not said
    choice.compile_for_search(choice.MANY_MODELS, said.append)
    assert prepared and "compiling" in said[0]

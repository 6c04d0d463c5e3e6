"""SparseField: bricks, lookups and the dense view agree."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from necgs_cli.field.sparse_field import INSIDE, OUTSIDE, SparseField


def random_field(seed: int, edge: int, deform: bool = False, resolution: int = 16) -> SparseField:
    random = np.random.default_rng(seed)
    side = resolution // edge
    brick_map = random.integers(-2, 1, (side,) * 3).astype(np.int32)
    rows = int((brick_map == 0).sum())
    brick_map[brick_map == 0] = random.permutation(rows)
    shape = (rows, edge, edge, edge)
    tsdf = (random.integers(-127, 128, shape) / 127).astype(np.float32)
    deformation = random.uniform(-1, 1, (*shape, 3)).astype(np.float32) if deform else None
    return SparseField(resolution, brick_map, tsdf, deformation)


@given(st.integers(0, 2**32 - 1), st.sampled_from([2, 4]))
def test_lookup_agrees_with_the_dense_view_and_is_outside_beyond_the_lattice(seed, edge):
    field = random_field(seed, edge)
    index = np.stack(np.meshgrid(*[np.arange(-2, 18)] * 3, indexing="ij"), -1)
    expected = np.pad(field.to_dense(), 2, constant_values=1)
    np.testing.assert_array_equal(field.lookup(index), expected)


@pytest.mark.parametrize("edge", [2, 4])
def test_sample_index_names_the_place_of_every_stored_value(edge):
    field = random_field(3, edge)
    np.testing.assert_array_equal(field.lookup(field.sample_index()), field.tsdf)


def test_bricks_without_samples_are_inside_or_outside():
    field = SparseField(8, np.array([[[OUTSIDE, INSIDE]] * 2] * 2, np.int32), np.empty((0, 4, 4, 4), np.float32))
    assert (field.to_dense()[:, :, :4] == 1).all()
    assert (field.to_dense()[:, :, 4:] == -1).all()


def test_parts_that_do_not_fit_together_are_refused():
    with pytest.raises(ValueError, match="brick_map"):
        SparseField(16, np.zeros((2, 2, 2), np.int32), np.zeros((1, 4, 4, 4), np.float32))
    with pytest.raises(ValueError, match="bricks"):
        SparseField(15, np.zeros((5, 5, 5), np.int32), np.zeros((1, 3, 3, 3), np.float32))
    with pytest.raises(ValueError, match="deformation"):
        SparseField(4, np.zeros((1, 1, 1), np.int32), np.zeros((1, 4, 4, 4), np.float32), np.zeros((1, 4, 4, 4)))

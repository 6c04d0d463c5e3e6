"""The paper's dense decoder: what is trained is what is stored is what is decoded."""

import numpy as np
import pytest
import torch

from necgs_cli.field.marching_cubes import extract_surface
from necgs_cli.field.sparse_field import INSIDE, OUTSIDE
from necgs_cli.model.dense_config import BLOCK_CHANNELS, DenseConfig
from necgs_cli.model.dense_decoder import DenseDecoder, shuffle, to_sparse_field
from necgs_cli.model.fixed_quantiser import dequantise, quantise, to_integers

SMALL = DenseConfig(32, 4, (8, 6, 4))


def ball_volume(resolution: int, radius: float = 0.6) -> torch.Tensor:
    """A ball's TSDF with a constant deformation."""
    at = (torch.arange(resolution) + 0.5) * 2 / resolution - 1
    x, y, z = torch.meshgrid(at, at, at, indexing="ij")
    distance = torch.sqrt(x * x + y * y + z * z) - radius
    tsdf = (distance * resolution / 4).clamp(-1, 1)
    return torch.stack([tsdf, *[torch.full_like(tsdf, value) for value in (0.5, 0.0, -0.5)]])


def test_quantiser_rounds_forward_and_passes_gradients_straight_through():
    values = torch.tensor([-3.0, -0.5, 0.0039, 0.004, 1.0], requires_grad=True)
    rounded = quantise(values)
    assert torch.equal(rounded, torch.tensor([-127, -64, 0, 1, 127]) / 127)
    rounded.backward(torch.arange(5.0))
    assert torch.equal(values.grad, torch.arange(5.0))


def test_stored_integers_give_the_very_values_of_training():
    values = torch.randn(1000, generator=torch.Generator().manual_seed(0))
    integers = to_integers(values)
    assert integers.dtype == np.int8 and integers.min() == -127 and integers.max() == 127
    assert torch.equal(dequantise(integers), quantise(values))


@pytest.mark.parametrize(("resolution", "weights"), [(32, 1_221_124), (64, 1_386_340), (128, 1_468_548)])
def test_paper_decoder_has_the_papers_number_of_weights(resolution, weights):
    assert sum(int(np.prod(shape)) for shape in DenseConfig.of(resolution).weight_shapes()) == weights


def test_256_adds_one_block_to_the_papers_five():
    assert DenseConfig.of(256).channels == BLOCK_CHANNELS and DenseConfig.of(128).channels == (64, 48, 32, 24, 16)


@pytest.mark.parametrize("bad", [(48, 16, (8,)), (32, 16, (8, 8)), (32, 0, (8, 8, 8)), (32, 16, (8, 8, 65)),
                                 (256, 16, (8, 8, 8, 8, 8, 9))])  # fmt: skip
def test_impossible_shapes_are_refused(bad):
    with pytest.raises(ValueError, match="dense decoder|resolution"):
        DenseConfig(*bad)


def test_shuffle_puts_child_o_at_its_octant():
    x = torch.arange(2 * 24 * 3**3, dtype=torch.float32).reshape(2, 24, 3, 3, 3)
    out = shuffle(x)
    assert out.shape == (2, 3, 6, 6, 6)
    for child in range(8):
        a, b, c = child // 4, child // 2 % 2, child % 2
        assert torch.equal(out[:, :, a::2, b::2, c::2], x[:, 3 * child : 3 * child + 3])


def test_decoder_rebuilt_from_integers_decodes_bit_equal():
    decoder = DenseDecoder(SMALL, seed=3)
    rebuilt = DenseDecoder.from_integers(SMALL, decoder.quantised_integers())
    feature = torch.randn(2, *SMALL.feature_shape, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        assert torch.equal(decoder(quantise(feature)), rebuilt(dequantise(to_integers(feature))))
    assert not any(parameter.requires_grad for parameter in rebuilt.parameters())


def test_decoder_refuses_integers_of_another_shape():
    integers = DenseDecoder(SMALL).quantised_integers()
    with pytest.raises(ValueError, match="do not fit"):
        DenseDecoder.from_integers(SMALL, integers[:-1])


def test_gradients_reach_features_and_every_weight():
    decoder = DenseDecoder(SMALL)
    feature = torch.rand(1, *SMALL.feature_shape, requires_grad=True)
    decoder(quantise(feature)).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in [feature, *decoder.parameters()])


def test_sparse_field_has_the_surface_of_the_dense_volume():
    volume = ball_volume(32)
    field = to_sparse_field(volume)
    assert len(field.tsdf) < 8**3 / 2 and {INSIDE, OUTSIDE} <= set(field.brick_map.ravel().tolist())
    dense = field.to_dense()
    assert np.array_equal(np.sign(dense), np.sign(volume[0].numpy()))
    vertices, faces = extract_surface(field)
    moved = vertices - np.array([0.5, 0, -0.5]) / 32  # a deformation of 1 is half a step of 2/32
    assert len(faces) > 1000
    assert np.abs(np.linalg.norm(moved, axis=1) - 0.6).max() < 0.01


def test_bricks_are_kept_where_the_sign_changes_only_between_bricks():
    volume = torch.ones(4, 32, 32, 32)
    volume[1:] = 0
    volume[0, 8:16, 8:16, 8:16] = -1  # two bricks a side, aligned: no brick has both signs
    vertices, faces = extract_surface(to_sparse_field(volume))
    edges = np.sort(faces[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
    assert (np.unique(edges, axis=0, return_counts=True)[1] == 2).all()
    assert np.ptp(vertices, axis=0) == pytest.approx([0.5] * 3, abs=1e-6)


def test_solid_that_touches_the_border_is_closed_there():
    volume = torch.full((4, 32, 32, 32), -1.0)
    volume[1:] = 0
    vertices, _ = extract_surface(to_sparse_field(volume))
    assert np.abs(vertices).max(axis=0) == pytest.approx([1.0] * 3, abs=0.04)

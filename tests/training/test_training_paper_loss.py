"""The paper's loss and schedule."""

import numpy as np
import pytest
import torch
from skimage.metrics import structural_similarity

from necgs_cli.field.sparse_field import INSIDE, OUTSIDE, SparseField
from necgs_cli.model.dense_config import DenseConfig
from necgs_cli.training.dense_targets import DenseTarget
from necgs_cli.training.paper import PaperOptions, loss_terms, set_rate, split_batch
from necgs_cli.training.ssim import ssim3d


def smooth_noise(seed: int, size: int = 24) -> torch.Tensor:
    noise = torch.randn(1, 1, size, size, size, generator=torch.Generator().manual_seed(seed))
    return torch.tanh(torch.nn.functional.avg_pool3d(noise, 3, 1, 1) * 3)


def test_ssim_is_the_published_one():
    first, second = smooth_noise(0), smooth_noise(0) * 0.7 + 0.2 * smooth_noise(1)
    wanted = structural_similarity(
        first[0, 0].numpy(), second[0, 0].numpy(), gaussian_weights=True, sigma=1.5, truncate=3.4,
        use_sample_covariance=False, data_range=2.0,
    )  # fmt: skip
    assert ssim3d(first, second).item() == pytest.approx(wanted, abs=1e-4)


def test_ssim_of_equal_volumes_is_one_and_rises_along_its_gradient():
    wanted = smooth_noise(0)
    assert ssim3d(wanted, wanted).item() == pytest.approx(1, abs=1e-5)
    said = smooth_noise(1).requires_grad_()
    before = ssim3d(said, wanted)
    before.backward()
    assert ssim3d(said.detach() + 100 * said.grad, wanted) > before


def test_ssim_refuses_volumes_smaller_than_its_window():
    with pytest.raises(ValueError, match="11"):
        ssim3d(torch.zeros(1, 1, 8, 8, 8), torch.zeros(1, 1, 8, 8, 8))


def field_of_bricks(deformed: bool) -> SparseField:
    rng = np.random.default_rng(0)
    brick_map = np.where(rng.random((8, 8, 8)) < 0.5, INSIDE, OUTSIDE).astype(np.int32)
    brick_map[2:4, 3, 5] = [1, 0]
    tsdf = rng.uniform(-1, 1, (2, 4, 4, 4)).astype(np.float32)
    moves = rng.uniform(-1, 1, (2, 4, 4, 4, 3)).astype(np.float32) if deformed else None
    return SparseField(32, brick_map, tsdf, moves)


@pytest.mark.parametrize("deformed", [False, True])
def test_target_is_the_field_at_8_bits(deformed):
    field = field_of_bricks(deformed)
    volume = DenseTarget.of(field).volume()
    assert volume.shape == (4, 32, 32, 32)
    assert np.abs(volume[0].numpy() - field.to_dense()).max() < 0.5 / 127 + 1e-6
    moves = volume[1:].movedim(0, -1).numpy()
    first = moves[12:16, 12:16, 20:24]  # the brick at (3, 3, 5)
    wanted = field.deformation[0] if deformed else np.zeros((4, 4, 4, 3))
    assert np.abs(first - wanted).max() < 0.5 / 127 + 1e-6
    moves[8:16, 12:16, 20:24] = 0
    assert not moves.any()


class Fixed(torch.nn.Module):
    """Stands for a decoder: says what it is told."""

    def __init__(self, volumes: torch.Tensor):
        super().__init__()
        self.volumes = volumes

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return self.volumes


def test_loss_is_mae_and_5_masked_mae_and_10_of_each_ssim():
    targets = [DenseTarget.of(field_of_bricks(True)), DenseTarget.of(field_of_bricks(False))]
    wanted = torch.stack([target.volume() for target in targets])
    said = torch.tanh(wanted + 0.3 * torch.randn(wanted.shape, generator=torch.Generator().manual_seed(0)))
    terms = loss_terms(Fixed(said), torch.zeros(2), targets, PaperOptions())
    error = (said - wanted).abs()
    near = (wanted[:, 0].abs() < 1)[:, None].expand_as(error)
    masked = torch.stack([error[i][near[i]].mean() for i in range(2)]).mean()
    ssim = 2 - ssim3d(said[:, :1], wanted[:, :1]) - ssim3d(said[:, 1:], wanted[:, 1:])
    assert terms["loss"].item() == pytest.approx((error.mean() + 5 * masked + 10 * ssim).item(), rel=1e-5)
    without = loss_terms(Fixed(said), torch.zeros(2), targets, PaperOptions(ssim_weight=0))
    assert without["loss"].item() == pytest.approx((error.mean() + 5 * masked).item(), rel=1e-5)
    assert "ssim" not in without


def test_rate_warms_up_over_a_fifth_and_falls_by_a_cosine_to_a_hundredth():
    optimiser = torch.optim.Adam([torch.zeros(1, requires_grad=True)])

    def rate(fraction: float) -> float:
        set_rate(optimiser, fraction, PaperOptions())
        return optimiser.param_groups[0]["lr"]

    assert 0 < rate(0) < 1e-5
    assert rate(0.1) == pytest.approx(5e-4) and rate(0.2) == pytest.approx(1e-3)
    assert rate(0.6) == pytest.approx((1e-3 + 1e-5) / 2) and rate(1) == pytest.approx(1e-5)


def test_batches_are_passed_through_in_parts_where_memory_is_short():
    cpu = torch.device("cpu")
    assert split_batch([5, 1, 2, 0], DenseConfig.of(32), cpu) == [[5, 1, 2, 0]]
    parts = split_batch([5, 1, 2, 0], DenseConfig.of(128), cpu)
    assert len(parts) > 1 and sum(parts, []) == [5, 1, 2, 0]
    assert split_batch([5, 1], DenseConfig.of(256), cpu) == [[5], [1]]
    assert split_batch([5, 1, 2, 0], DenseConfig.of(256), torch.device("cuda")) == [[5, 1, 2, 0]]

import torch
from torch import Tensor, nn
from torch.nn import functional

from pipeline.models.train import heads


def test_a_head_is_learned_from_vectors_as_they_are() -> None:
    """Vectors far from zero and of very different sizes: what brings them to one scale ends up in the weights."""
    torch.manual_seed(0)
    vectors = torch.randn(400, 6) * torch.tensor([0.01, 1, 5, 1, 100, 0.1]) + torch.tensor([3.0, 0, -7, 1, 50, 9])
    true = (vectors[:, 0] > 3.0).long()
    hidden, out = nn.Linear(6, 16), nn.Linear(16, 2)

    def loss(scores: Tensor, chosen: Tensor) -> Tensor:
        return functional.cross_entropy(scores, true[chosen])

    heads.finish(hidden, out, vectors, loss, epochs=60, seed=1)
    said = out(functional.gelu(hidden(vectors))).argmax(-1)
    assert (said == true).float().mean() > 0.9

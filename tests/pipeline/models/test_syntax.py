"""The heads compute what they are said to."""

import torch
from torch.nn import functional

from pipeline.models.encoder import Shape
from pipeline.models.syntax import Biaffine, Inventory, Syntax

SIZE, OUTPUTS = 6, 3


def filled(outputs: int) -> Biaffine:
    torch.manual_seed(4)
    made = Biaffine(SIZE, outputs)
    torch.nn.init.normal_(made.left.weight)
    torch.nn.init.normal_(made.left.bias)
    return made


def by_the_formula(made: Biaffine, outputs: int, dependent: torch.Tensor, head: torch.Tensor) -> torch.Tensor:
    """u W v + U u + V v + b, written out."""
    weight = made.left.weight.view(outputs, SIZE + 1, SIZE)
    bias = made.left.bias.view(outputs, SIZE + 1)
    together = torch.einsum("ni,oji,nj->no", dependent, weight[:, :SIZE], head)
    return together + dependent @ weight[:, SIZE].T + head @ bias[:, :SIZE].T + bias[:, SIZE]


@torch.no_grad()
def test_pairs_are_scored_by_the_formula() -> None:
    made = filled(OUTPUTS)
    dependent, head = torch.randn(2, 9, SIZE)
    expected = by_the_formula(made, OUTPUTS, dependent, head)
    torch.testing.assert_close(made.of_pairs(dependent, head), expected, atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_all_pairs_of_a_text_are_scored_as_each_pair_is() -> None:
    made = filled(1)
    dependents, heads = torch.randn(2, 4, SIZE), torch.randn(2, 4, SIZE)
    scores = made(dependents, heads)
    assert scores.shape == (2, 4, 4)
    for text in range(2):
        for at in range(4):
            expected = made.of_pairs(dependents[text, at].expand(4, -1), heads[text])[:, 0]
            torch.testing.assert_close(scores[text, at], expected, atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_folded_tags_have_the_same_scores() -> None:
    torch.manual_seed(5)
    tags = ("NOUN|Case=Nom", "NOUN|Case=Gen", "VERB|Tense=Past", "PUNCT")
    model = Syntax(Shape(1, 1, pieces=10), Inventory(tags, ("s",), ("root",), ("one",))).eval()
    words = functional.gelu(torch.randn(2, 5, 384))
    before = model.tags(words)
    model.fold()
    torch.testing.assert_close(model.tags(words), before, atol=1e-5, rtol=1e-5)

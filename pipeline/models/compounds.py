"""Compounds and numbers as one word: some treebanks cut «науково-технічний», «2,5» and «11:59», others never.

A tokenizer trained on both does it now this way, now that. For a document whose convention keeps them whole, what was
cut is put together again.
"""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.models.cutting import Token

_HYPHENS = frozenset("-‑")
_IN_NUMBERS = frozenset(".,:")


def whole(tokens: Sequence[Token]) -> list[Token]:
    """The tokens with compounds and numbers put together. Only what stands close together is."""
    result = list(tokens[:1])
    at = 1
    while at < len(tokens):
        if at + 1 < len(tokens) and _belong(result[-1], tokens[at], tokens[at + 1]):
            before, mark, after = result.pop(), tokens[at], tokens[at + 1]
            result.append(Token(before.text + mark.text + after.text, before.start, after.end))
            at += 2
        else:
            result.append(tokens[at])
            at += 1
    return result


def _belong(before: Token, mark: Token, after: Token) -> bool:
    if before.end != mark.start or mark.end != after.start:
        return False
    left, right = before.text[-1], after.text[0]
    if mark.text in _HYPHENS:
        return left.isalnum() and right.isalnum()
    return mark.text in _IN_NUMBERS and left.isdigit() and right.isdigit()

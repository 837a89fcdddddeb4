"""What is free is given back to the system, and what one batch took is kept for the next."""

import subprocess
import sys

import pytest

# Blocks of many sizes, with small ones that stay between them, as batches leave them behind.
_HOLES = """
import ctypes, psutil
from pipeline.models import memory
memory.keep()
allocate, free = ctypes.CDLL(None).malloc, ctypes.CDLL(None).free
allocate.restype, free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
process = psutil.Process()
large, small = [], []
for _ in range(100):
    large.append(allocate(ctypes.c_size_t(2**20)))
    ctypes.memset(ctypes.c_void_p(large[-1]), 1, 2**20)
    small.append(allocate(ctypes.c_size_t(64)))
for block in large:
    free(block)
before = process.memory_info().rss
GIVES_BACK
print((before - process.memory_info().rss) // 2**20)
"""


@pytest.mark.parametrize(
    ("gives_back", "least", "most"),
    [
        ("memory.give_back()", 90, 200),
        ("memory.GivingBack(0)()", 90, 200),
        ("memory.GivingBack(60)()", -5, 5),  # too soon
        ("", -5, 5),
    ],
)
def test_holes_are_given_back(gives_back: str, least: int, most: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _HOLES.replace("GIVES_BACK", gives_back)],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert least <= int(done.stdout) <= most

"""Model bundles: what they hold, loading, training, evaluation."""

import os

# oneDNN, which torch multiplies matrices with, keeps compiled code for the shapes it has met, 1,024 of them unless it
# is told otherwise: some hundred megabytes in a process that reads texts of all lengths. It reads this when first used.
for _name in ("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "LRU_CACHE_CAPACITY"):
    os.environ.setdefault(_name, "128")

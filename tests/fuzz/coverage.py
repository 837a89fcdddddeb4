"""Bytes changed towards what was not reached yet: `python -m tests.fuzz.coverage NAME SECONDS FOLDER`.

libFuzzer, by atheris (https://github.com/google/atheris), takes the process over and ends it, so each reader has one.
FOLDER is where it keeps what it finds interesting, and, as crash-..., what breaks a property.
"""

from __future__ import annotations

import sys
from pathlib import Path

import atheris  # type: ignore[import-not-found]

with atheris.instrument_imports(
    include=["pipeline.readers", "pipeline.cleaning", "pipeline.lookalikes", "pipeline.edits"]
):
    from tests.fuzz.properties import SECONDS_PER_MB, check
    from tests.fuzz.samples import SAMPLES


def main() -> None:
    reader, seconds, folder = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
    sample = SAMPLES[reader]
    (folder / "sample").write_bytes(sample.data)
    (folder / "tokens.dict").write_text(
        "".join('"' + "".join(f"\\x{byte:02x}" for byte in token) + '"\n' for token in sample.tokens)
    )
    atheris.Setup(
        [
            sys.argv[0],
            f"-max_total_time={seconds}",
            # By the clock, which also runs for others; `check` counts computing time.
            f"-timeout={6 * SECONDS_PER_MB:.0f}",
            "-max_len=20000",
            "-rss_limit_mb=2048",
            f"-dict={folder / 'tokens.dict'}",
            f"-artifact_prefix={folder}/",
            str(folder),
        ],
        lambda data: check(data, sample.name),
    )
    atheris.Fuzz()


if __name__ == "__main__":
    main()

"""Feeds that are made to be more than one may be, in the process that parses them."""

from __future__ import annotations

import asyncio

import pytest

from pipeline.readers import Rejected
from services.feeds.parsing import Parsing
from tests.services.feeds.rig import item, rss


def test_a_feed_that_takes_too_much_memory_is_let_go_and_the_next_one_is_read() -> None:
    async def run() -> None:
        with Parsing(1, most_memory=200_000_000) as parsing:
            with pytest.raises(Rejected) as caught:
                await parsing.parse(rss(item(1, "<b/>" * 2_000_000)), "https://example.org/", None, 1_000)
            # libxml2 does not say that it was memory.
            assert caught.value.reason in {"too-large", "unreadable"}
            small = await parsing.parse(rss(item(1)), "https://example.org/", None, 1_000)
            assert len(small.entries) == 1

    asyncio.run(run())

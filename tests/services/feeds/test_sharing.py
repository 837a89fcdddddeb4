"""How pollers share the feeds, and what happens to the feeds of one that dies or stops, on real parts."""

from __future__ import annotations

import asyncio

from msgspec.structs import replace

from pipeline.store import ArtifactStore
from services.settings import Settings
from tests.services.feeds.rig import feed_of, item, rig
from tests.services.feeds.site import Answer, Request


def test_two_pollers_share_the_feeds_and_poll_none_twice(settings: Settings, store: ArtifactStore) -> None:
    async def run() -> None:
        async with rig(settings, store) as here:
            for number in range(30):
                here.site.pages[f"/{number}"] = feed_of(item(number))
                here.subscribe(f"/{number}")
            few = here.settings.model_copy(update={"feed_polls": 3, "fetch_host_requests": 3})
            await asyncio.gather(here.poll(few), here.poll(few))
            assert here.site.hits == {f"/{number}": 1 for number in range(30)}
            assert len(here.admission.given) == 30

    asyncio.run(run())


def test_a_slow_feed_is_not_taken_by_another_poller_while_its_lease_is_renewed(
    settings: Settings, store: ArtifactStore
) -> None:
    async def run() -> None:
        async with rig(settings, store) as here:
            name = here.subscribe()
            short = here.settings.model_copy(update={"feed_lease": 1.0})
            async with here.poller(short) as slow:

                async def poll(*_: object) -> object:
                    await asyncio.sleep(2.5)
                    raise RuntimeError("done at last")

                slow._polling.poll = poll  # type: ignore[assignment, method-assign]
                running = asyncio.create_task(slow.run(once=True))
                for _ in range(10):
                    await asyncio.sleep(0.2)
                    assert here.schedule.claim(5, 1.0) == []
                assert here.schedule.hold(name, 1.0) is None
                await running
            pulse = here.schedule.pulse(name)
            assert pulse is not None and (pulse.outcome, pulse.failures) == ("error", 1)

    asyncio.run(run())


def test_the_feeds_of_a_dead_poller_are_polled_by_another(settings: Settings, store: ArtifactStore) -> None:
    async def run() -> None:
        async with rig(settings, store, feed=feed_of(item(1))) as here:
            name = here.subscribe()
            (lost,) = here.schedule.claim(5, 3.0) or []
            await here.poll()
            assert here.site.hits == {}
            await asyncio.sleep(3.1)
            await here.poll()
            assert here.site.hits == {"/feed": 1}
            assert not here.schedule.finish(lost, 5.0), "who lost a feed cannot put it back"
            assert here.schedule.waits()[name] > 100

    asyncio.run(run())


def test_a_lost_schedule_is_made_anew_and_nothing_is_admitted_again(settings: Settings, store: ArtifactStore) -> None:
    async def run() -> None:
        async with rig(settings, store, feed=feed_of(item(1)), busy=Answer(429, {"Retry-After": "5000"})) as here:
            name, busy = here.subscribe(), here.subscribe("/busy")
            await here.poll()
            stored = here.feed(busy)
            pulse = here.schedule.pulse(busy)
            assert pulse is not None
            here.subscriptions.put(replace(stored, pulse=pulse))
            here.subscriptions.put(replace(here.feed(name), pulse=replace(here.feed(name).pulse, due=0.0)))
            here.client.flushdb()
            await here.poll()
            assert set(here.schedule.waits()) == {name, busy}
            assert max(here.schedule.waits().values()) < here.settings.feed_interval_min, "gently spread"
            await here.poll_again()
            assert here.site.hits == {"/feed": 2, "/busy": 1}, "who asked us to wait is not polled"
            assert here.schedule.waits()[busy] > 4000
            assert len(here.admission.given) == 1

    asyncio.run(run())


def test_a_removed_feed_is_forgotten_and_one_that_cannot_be_read_stops_nobody(
    settings: Settings, store: ArtifactStore
) -> None:
    async def run() -> None:
        async with rig(settings, store, feed=feed_of(item(1))) as here:
            here.subscribe()
            here.schedule.add(["0123456789abcdef", "feedfeedfeedfeed"])
            store.replace("feeds/feedfeedfeedfeed.json", b"{")
            await here.poll()
            assert len(here.admission.given) == 1
            assert "0123456789abcdef" not in here.schedule.waits()
            assert here.schedule.waits()["feedfeedfeedfeed"] > 3000

    asyncio.run(run())


def test_a_stopped_poller_gives_back_what_it_has(settings: Settings, store: ArtifactStore) -> None:
    async def run() -> None:
        async with rig(settings, store) as here:
            name = here.subscribe()

            def page(request: Request) -> Answer:
                async def never():  # type: ignore[no-untyped-def]
                    await asyncio.sleep(30)
                    yield b""

                return Answer(stream=never)

            here.site.pages["/feed"] = page
            async with here.poller(here.settings.model_copy(update={"stop_seconds": 0.2})) as poller:
                running = asyncio.create_task(poller.run())
                while not here.site.requests:
                    await asyncio.sleep(0.05)
                poller.stop()
                await asyncio.wait_for(running, 5)
            assert here.schedule.waits()[name] <= 0 and not here.schedule.held()

    asyncio.run(run())


def test_a_crowded_host_does_not_keep_the_others_waiting(settings: Settings, store: ArtifactStore) -> None:
    async def run() -> None:
        async with rig(settings, store) as here:
            for number in range(40):
                here.site.pages[f"/{number}"] = feed_of(item(number))
                here.subscribe(f"/{number}")
            await here.poll(here.settings.model_copy(update={"fetch_host_requests": 1}))
            assert here.site.most_open <= 2
            late = [name for name, wait in here.schedule.waits().items() if wait < 40]
            assert late and len(here.admission.given) + len(late) == 40

    asyncio.run(run())

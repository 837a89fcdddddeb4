"""What the routes work on: made once for a process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from redis import Redis

from pipeline.models.bundle import Bundle
from pipeline.store import ArtifactStore
from services import broker
from services.admission import Admission
from services.api.access import Access
from services.catalogue import Catalogue
from services.idempotency import Idempotency
from services.keys import Keyring, Keys
from services.object_store import connect_store
from services.pressure import Pressure
from services.queues import Queues
from services.rates import Rates
from services.settings import Settings


@dataclass(frozen=True)
class Backend:
    settings: Settings
    store: ArtifactStore
    redis: Redis
    bundles: Mapping[str, Bundle]
    admission: Admission
    pressure: Pressure
    access: Access
    catalogue: Catalogue
    idempotency: Idempotency


def connect(settings: Settings) -> Backend:
    store, client, app = connect_store(settings), broker.connect(settings), broker.create_app(settings)
    bundles = settings.shelf.in_use()
    return Backend(
        settings=settings,
        store=store,
        redis=client,
        bundles=bundles,
        admission=Admission(settings, store, app, bundles),
        pressure=Pressure(client, Queues(app, client), settings.high_water, settings.low_water),
        access=Access(settings, Keyring(Keys(store), settings.api_key_seconds), Rates(client)),
        catalogue=Catalogue(store, bundles),
        idempotency=Idempotency(client),
    )

"""What may enter: validate, give an id and a place, store, enqueue.

The id is claimed first (`ids/{id}`, create-only, holding the place), then the document is written at the claimed
place: two senders of the same document, at once or on different days, end with one. A document is acknowledged to its
sender after it is stored and enqueued, and the broker has it on disk; a sender that was not told may send again, which
is harmless.
"""

from __future__ import annotations

import time
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice

from celery import Celery

from pipeline.artifact import encode
from pipeline.graph import roots
from pipeline.models.bundle import Bundle
from pipeline.readers import Rejected
from pipeline.record import current_record
from pipeline.store import ArtifactStore, NotFound, document_key, id_key, story_key
from pipeline.transcript import Document, Place, Transcript, document_id, place_of, source_slug, story_of
from services import broker
from services.batching import batches
from services.broker import Batch, Lane
from services.pressure import Pressure
from services.quarantine import Quarantine
from services.queues import Queues
from services.settings import Settings

# Below this share of its letters in the script of its language, a text is in another language.
_LEAST_OF_SCRIPT = 0.5


@dataclass(frozen=True)
class Admitted:
    """A document that is in the store. `is_recorded`: its record exists, is current, and nothing has to be done."""

    place: Place
    characters: int
    is_recorded: bool


class Admission:
    def __init__(self, settings: Settings, store: ArtifactStore, app: Celery, bundles: Mapping[str, Bundle]) -> None:
        self._settings = settings
        self._store = store
        self._bundles = bundles
        self._quarantine = Quarantine(store)
        client = broker.connect(settings)
        self._queues = Queues(app, client)
        self._pressure = Pressure(client, self._queues, settings.high_water, settings.low_water)

    def admit(self, transcript: Transcript) -> Admitted:
        """Store a transcript. Raises Rejected with the reason when it may not enter, and Busy when nothing may now."""
        self._pressure.check()
        language = self._language(transcript)
        name = document_id(transcript)
        now = datetime.now(UTC)
        document = Document(
            id=name,
            source=source_slug(transcript.source),
            language=language,
            title=transcript.title,
            published=transcript.published,
            ingested=now,
            url=transcript.url,
            guid=transcript.guid,
            predecessor=self._predecessor(transcript, name),
            speakers=transcript.speakers,
            segments=transcript.segments,
            text=transcript.text,
        )
        place, data = place_of(document), encode(document)
        if not self._store.create(id_key(name), place.path.encode(), "text/plain"):
            place = Place.parse(self._store.get(id_key(name)).decode())
        is_new = self._store.create(document_key(place), data)
        if is_new and (transcript.guid or transcript.url):
            # Last, so that a document that was not written is nobody's predecessor.
            self._store.replace(story_key(story_of(name)), name.encode(), "text/plain")
        is_recorded = not is_new and current_record(self._store, place, self._bundles) is not None
        if not is_new and not is_recorded:
            self._quarantine.drop([place])  # sending a document again asks to try again
        return Admitted(place, len(transcript.text), is_recorded)

    def enqueue(self, admitted: Iterable[Admitted], lane: Lane = Lane.LIVE) -> None:
        """Put documents that have no record yet into the queues, each batch as soon as it is full."""
        todo = ((item.place.path, item.characters) for item in admitted if not item.is_recorded)
        for places in batches(todo, self._settings.batch_documents, self._settings.batch_characters):
            for stage in roots():
                self._queues.publish(Batch(stage=stage, lane=lane, documents=places, admitted=time.time()))

    def secure(self) -> None:
        """Wait until what was enqueued survives a crash of the broker's machine. Then it may be acknowledged."""
        self._queues.secure()

    def _language(self, transcript: Transcript) -> str:
        if not transcript.text.strip():
            raise Rejected("empty", "there is no text in it")
        language = transcript.language or self._settings.language
        bundle = self._bundles.get(language)
        if bundle is None:
            known = ", ".join(sorted(self._bundles)) or "none"
            raise Rejected(
                "unsupported-language", f"no model bundle for {language!r} is installed (installed: {known})"
            )
        share = share_of_script(transcript.text, bundle.manifest.script)
        if share is None:
            raise Rejected("empty", "there is not one letter in it")
        if share < _LEAST_OF_SCRIPT:
            raise Rejected(
                "unsupported-language",
                f"only {share:.0%} of its letters are {bundle.manifest.script.title()}, so it is not in {language!r}; "
                f"name its language if it is",
            )
        return language

    def _predecessor(self, transcript: Transcript, name: str) -> str | None:
        """The revision of the same story that was admitted last. A story named by its text alone has none."""
        if not (transcript.guid or transcript.url):
            return None
        try:
            latest = self._store.get(story_key(story_of(name))).decode()
        except NotFound:
            return None
        return latest if latest != name else None


def share_of_script(text: str, script: str) -> float | None:
    """The share of a text's letters that belong to a script, named as in Unicode ("CYRILLIC"); None without letters."""
    letters = list(islice((char for char in text if char.isalpha()), 20_000))
    if not letters:
        return None
    return sum(unicodedata.name(char, "").startswith(script) for char in letters) / len(letters)

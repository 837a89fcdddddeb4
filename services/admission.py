"""What may enter: clean, tell the language, find duplicates, give an id and a place, store, enqueue.

The text is claimed first (pipeline/identity.py), then the document is written at the claimed place: two senders of the
same text, at once or on different days, end with one document. A document is acknowledged to its sender after it is
stored and enqueued, and the broker has it on disk; a sender that was not told may send again, which is harmless.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal, NamedTuple, TypeVar

import msgspec
from celery import Celery
from redis import Redis

from pipeline.artifact import encode
from pipeline.cleaning import clean
from pipeline.graph import roots
from pipeline.identity import Claims, Removed, place_of_id
from pipeline.language import language_of, marked
from pipeline.likeness import signature
from pipeline.models.bundle import Bundle
from pipeline.readers import Rejected
from pipeline.record import current_record
from pipeline.sighting import see
from pipeline.store import ArtifactStore, document_key, unsupported_key
from pipeline.takedown import removal_of
from pipeline.transcript import Document, Place, Transcript, document_id, place_of, source_slug, story_of, text_digest
from services import broker, metrics, traces
from services.batching import batches
from services.broker import Batch, Lane
from services.metrics import ledger
from services.near_duplicates import Match, Window
from services.pressure import Pressure
from services.quarantine import Quarantine
from services.queues import Queues
from services.settings import Settings

Verdict = Literal["admitted", "known", "duplicate", "near-duplicate", "unsupported-language"]
# How long whoever claimed a text first may take to write its document, before another sender takes the claim over.
_WRITING_SECONDS = 5.0
_LOOK_SECONDS = 0.1
_REMOVED = Rejected("removed", "it was taken down, and may not come back")

In = TypeVar("In")
Out = TypeVar("Out")


@dataclass(frozen=True)
class Admitted:
    """A document that is in the store, at `place`, and why.

    - admitted: it is new.
    - known: this very document was there.
    - duplicate: the same text was there under another id, that of `place`.
    - near-duplicate: nearly the same text is there, at `place`, and by EFIR_NEAR_DUPLICATES this one was left out.
    - unsupported-language: it is kept, and processed when a bundle of its language is installed.

    `is_recorded`: its record exists, is current, and nothing has to be done.
    """

    place: Place
    characters: int
    is_recorded: bool
    verdict: Verdict = "admitted"

    @property
    def id(self) -> str:
        return self.place.id

    @property
    def is_to_process(self) -> bool:
        return not self.is_recorded and self.verdict in {"admitted", "known", "duplicate"}


class _New(NamedTuple):
    """A document that wants to enter, the digest of its text, and its number in the call."""

    document: Document
    digest: str
    number: int


@dataclass(frozen=True)
class _Claim:
    """A document whose text is claimed: for itself, or by the document at `held`, which was first.

    `is_ours`: the claim was made just now, so nobody can have taken the document down since. `like` is the
    near-duplicate among the documents before it.
    """

    document: Document
    digest: str
    held: Place
    is_ours: bool = False
    like: Match | None = None

    @property
    def is_first(self) -> bool:
        return self.held.id == self.document.id


class Admission:
    def __init__(self, settings: Settings, store: ArtifactStore, app: Celery, bundles: Mapping[str, Bundle]) -> None:
        self._settings = settings
        self._store = store
        self._bundles = bundles
        self._claims = Claims(store)
        self._quarantine = Quarantine(store)
        client = broker.connect(settings)
        self._queues = Queues(app, client)
        self._pressure = Pressure(client, self._queues, settings.high_water, settings.low_water)
        self._window = _window(settings, client)
        ledger.keep(client, settings.metrics_sources, settings.metrics_entities > 0)
        traces.configure(settings)
        # Small objects over a network: one at a time, admission would mostly wait.
        self._pool = ThreadPoolExecutor(settings.admission_connections, thread_name_prefix="admission")

    def admit(self, transcript: Transcript) -> Admitted:
        """Store a transcript. Raises Rejected with the reason when it may not enter, and Busy when nothing may now."""
        self._pressure.check()
        (taken,) = self._take([transcript])
        if isinstance(taken, Rejected):
            raise taken
        return taken

    def admit_all(self, transcripts: Sequence[Transcript], lane: Lane = Lane.LIVE) -> list[Admitted | Rejected]:
        """Store and enqueue many transcripts; what becomes of each, in order, once nothing can lose them.

        Raises Busy when nothing may enter now, and StoreUnavailable or a RedisError when it cannot be told what has
        entered: sending all of them again is harmless.
        """
        self._pressure.check()
        taken = self._take(transcripts)
        todo = {item.id: item for item in taken if isinstance(item, Admitted) and item.is_to_process}
        if todo:
            self.enqueue(todo.values(), lane)
            self.secure()
        return taken

    def enqueue(self, admitted: Iterable[Admitted], lane: Lane = Lane.LIVE) -> None:
        """Put documents that have no record yet into the queues, each batch as soon as it is full."""
        todo = ((item.place.path, item.characters) for item in admitted if item.is_to_process)
        for places in batches(todo, self._settings.batch_documents, self._settings.batch_characters):
            for stage in roots():
                self._queues.publish(Batch(stage=stage, lane=lane, documents=places, admitted=time.time()))
            metrics.up.last_admission.labels(lane).now()

    def secure(self) -> None:
        """Wait until what was enqueued survives a crash of the broker's machine. Then it may be acknowledged."""
        self._queues.secure()

    def _take(self, transcripts: Sequence[Transcript]) -> list[Admitted | Rejected]:
        documents = [self._document(number, transcript) for number, transcript in enumerate(transcripts)]
        outcomes: dict[int, Admitted | Rejected] = {
            number: each for number, each in enumerate(documents) if isinstance(each, Rejected)
        }
        waiting = [each for each in documents if isinstance(each, _New)]
        while waiting:
            now, waiting = _apart(waiting)
            outcomes.update(zip((each.number for each in now), self._settle(now), strict=True))
        for number, transcript in enumerate(transcripts):
            _count(transcript, outcomes[number])
        return [outcomes[number] for number in range(len(transcripts))]

    def _document(self, number: int, raw: Transcript) -> _New | Rejected:
        """Everything that follows from the transcript alone."""
        transcript = clean(raw)
        if not any(map(str.isalpha, transcript.text)):
            is_blank = not transcript.text.strip()
            return Rejected("empty", "there is no text in it" if is_blank else "there is not one letter in it")
        language = language_of(transcript, self._settings.language)
        digest = text_digest(transcript.text)
        document = Document(
            id=document_id(transcript, digest),
            source=source_slug(transcript.source),
            language=language,
            title=transcript.title,
            published=transcript.published,
            ingested=datetime.now(UTC),
            url=transcript.url,
            guid=transcript.guid,
            format=transcript.format,
            speakers=transcript.speakers,
            segments=marked(transcript, language),
            text=transcript.text,
        )
        return _New(document, digest, number)

    def _settle(self, documents: Sequence[_New]) -> list[Admitted | Rejected]:
        """Take in documents of different texts and stories, their store operations overlapping."""
        claims = self._liken(self._all(self._claim, documents))
        return self._all(lambda claim: claim if isinstance(claim, Rejected) else self._keep(claim), claims)

    def _liken(self, claims: Sequence[_Claim | Rejected]) -> list[_Claim | Rejected]:
        """Find the near-duplicates of the new texts, all of them at once."""
        new = {claim.document.id: claim for claim in claims if isinstance(claim, _Claim) and claim.is_first}
        if self._window is None or not new:
            return list(claims)
        signed = [(name, signature(claim.document.text)) for name, claim in new.items()]
        matches = dict(zip(new, self._window.enter(signed), strict=True))
        return [
            replace(claim, like=matches.get(claim.document.id)) if isinstance(claim, _Claim) else claim
            for claim in claims
        ]

    def _claim(self, new: _New) -> _Claim | Rejected:
        """Find out whose text it is, and which revision of its story came before."""
        document = new.document
        try:
            latest = self._claims.story(document.id) if document.guid or document.url else None
            held, is_ours = self._held(document, new.digest)
        except Removed:
            return _REMOVED
        if held.id == document.id:
            return _Claim(msgspec.structs.replace(document, predecessor=latest), new.digest, held, is_ours)
        if latest != held.id and (document.guid or document.url):
            self._claims.continue_story(document.id, held.id)
        return _Claim(document, new.digest, held)

    def _held(self, document: Document, digest: str) -> tuple[Place, bool]:
        """Where the document with this text lies, or may be written now; and whether the claim on it is new.

        Raises Removed, also when the text is that of a near-duplicate left out whose original was taken down.
        """
        place = place_of(document)
        deadline = time.monotonic() + _WRITING_SECONDS
        while (held := self._claims.text(digest, place)).id != place.id and not self._store.exists(document_key(held)):
            if removal_of(self._store, held.id) is not None:
                raise Removed
            if time.monotonic() > deadline:  # whoever claimed it died before writing, and was told nothing
                self._claims.take_over(digest, place)
                return place, False
            time.sleep(_LOOK_SECONDS)
        return held, held is place

    def _keep(self, claim: _Claim) -> Admitted | Rejected:
        document, held, like = claim.document, claim.held, claim.like
        if not claim.is_first:
            see(self._store, held, document, 1.0)
            return self._verdict(document, held, "duplicate")
        if like is not None:
            if self._settings.near_duplicates == "skip" and (skipped := self._skip(claim, like)):
                return skipped
            document = msgspec.structs.replace(
                document, duplicate_of=like.id, cluster=like.cluster, similarity=round(like.similarity, 3)
            )
        is_new = self._store.create(document_key(held), encode(document))
        if is_new and not claim.is_ours and removal_of(self._store, document.id) is not None:
            # Taken down between the look at its claim and the write. It must not come back that way.
            self._store.delete(document_key(held))
            return _REMOVED
        if is_new and document.predecessor is not None:
            # Last, so that a document that was not written is nobody's predecessor.
            self._claims.continue_story(document.id, document.id)
        return self._verdict(document, held, "admitted" if is_new else "known")

    def _skip(self, claim: _Claim, like: Match) -> Admitted | None:
        """Leave a near-duplicate out: its text, and its story, are from now on those of the document it is like."""
        document, held = claim.document, claim.held
        original = place_of_id(self._store, like.id)
        if original is None or self._store.exists(document_key(held)):
            return None  # the original was taken down meanwhile, or this document was kept before
        self._claims.take_over(claim.digest, original)
        if document.guid or document.url:
            self._claims.continue_story(document.id, original.id)
        see(self._store, original, document, like.similarity)
        return Admitted(original, len(document.text), is_recorded=True, verdict="near-duplicate")

    def _verdict(self, document: Document, held: Place, verdict: Verdict) -> Admitted:
        characters = len(document.text)
        if document.language not in self._bundles:
            self._store.create(unsupported_key(document.language, held), b"{}")
            return Admitted(held, characters, is_recorded=False, verdict="unsupported-language")
        if verdict == "admitted":
            return Admitted(held, characters, is_recorded=False)
        is_recorded = current_record(self._store, held, self._bundles) is not None
        if not is_recorded:
            self._quarantine.drop([held])  # sending a document again asks to try again
        return Admitted(held, characters, is_recorded, verdict)

    def _all(self, function: Callable[[In], Out], items: Sequence[In]) -> list[Out]:
        if len(items) == 1:
            return [function(items[0])]  # at once, and not behind somebody else's hundreds
        return list(self._pool.map(function, items))


def count_unread(rejected: Rejected) -> None:
    """Count what a reader rejected: admission, which counts what it rejects itself, never sees it."""
    metrics.intake.rejections.labels("unknown", rejected.reason).inc()


def _window(settings: Settings, client: Redis) -> Window | None:
    if settings.near_duplicates == "ignore":
        return None
    return Window(
        client,
        settings.near_window,
        settings.near_similarity,
        settings.near_days,
        enters_duplicates=settings.near_duplicates == "link",
    )


def _apart(documents: Sequence[_New]) -> tuple[list[_New], list[_New]]:
    """The first of every text and story, and the rest: those have to see what became of the first."""
    now: list[_New] = []
    later: list[_New] = []
    seen: set[str] = set()
    for each in documents:
        names = {each.digest, story_of(each.document.id)}
        (later if names & seen else now).append(each)
        seen |= names
    return now, later


def _count(transcript: Transcript, taken: Admitted | Rejected) -> None:
    kind, source = transcript.format or "unknown", source_slug(transcript.source)
    if isinstance(taken, Rejected):
        metrics.intake.rejections.labels(kind, taken.reason).inc()
        metrics.intake.source_documents.labels(source, "rejected").inc()
    else:
        metrics.intake.admissions.labels(kind, taken.verdict).inc()
        metrics.intake.source_documents.labels(source, taken.verdict).inc()

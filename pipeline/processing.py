"""Running one stage over documents that lie in the store, and joining what is complete.

Everything here can be done twice or by two processes at once: what exists is not computed again, what is written
first stays, and the record follows from the artifacts.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, TypeVar

from pipeline import conllu, graph
from pipeline.artifact import Artifact, Content, Parse, Record, decode, decode_artifact, encode, schema_of
from pipeline.failure import Failure
from pipeline.models.bundle import Bundle
from pipeline.record import join
from pipeline.stages import Stage, Subject
from pipeline.store import (
    CONLLU,
    ArtifactStore,
    NotFound,
    artifact_key,
    conllu_key,
    document_key,
    record_key,
)
from pipeline.takedown import removal_of, sweep
from pipeline.transcript import Document, Place

In = TypeVar("In")
Out = TypeVar("Out")


class _Gone:
    """In the place of a document that was taken down."""


@dataclass
class Outcome:
    """What became of a batch. Every place given to `Processing.run` is in exactly one of the lists."""

    done: list[Place] = field(default_factory=list)
    present: list[Place] = field(default_factory=list)  # the artifact was there already
    failed: list[Failure] = field(default_factory=list)
    gone: list[Place] = field(default_factory=list)  # taken down, and nothing is left of them
    # What a stage needs and is not there, by the stage that would make it: the models changed since that stage ran.
    missing: dict[str, list[Place]] = field(default_factory=dict)
    records: list[Record] = field(default_factory=list)  # those that were joined
    tokens: int = 0
    characters: int = 0
    seconds: float = 0.0  # of computing, store access left out

    @property
    def standing(self) -> list[Place]:
        """The places that now have the stage's artifact."""
        return self.done + self.present


class Processing:
    """The stages of the installed bundles over one store. Models are loaded by `open_stage` when first needed."""

    def __init__(
        self,
        store: ArtifactStore,
        bundles: Mapping[str, Bundle],
        open_stage: Callable[[str, Bundle], Stage],
        connections: int = 8,
    ) -> None:
        self._store = store
        self._bundles = bundles
        self._open_stage = open_stage
        self._stages: dict[tuple[str, str], Stage] = {}
        # Small objects over a network: waiting for one at a time would cost more than a light stage computes.
        self._pool = ThreadPoolExecutor(connections, thread_name_prefix="store")

    def load(self, stage: str, language: str) -> Stage:
        key = stage, language
        if key not in self._stages:
            self._stages[key] = self._open_stage(stage, self._bundles[language])
        return self._stages[key]

    def run(self, name: str, places: Sequence[Place], since: float = 0.0) -> Outcome:
        """Give every document at `places` its artifact of stage `name`, if it can be had.

        An artifact that was not written after `since` (Unix time by the store's clock, in seconds) is made again.
        Raises StoreUnavailable or StoreRefused when the store fails: then nothing is known to be lost and the call
        can be made again. Raises MemoryError when memory is out, which says nothing of the documents.
        """
        outcome = Outcome()
        subjects: list[tuple[Place, Subject]] = []
        for place, document in zip(places, self._all(self._document, places), strict=True):
            if isinstance(document, _Gone):
                outcome.gone.append(place)
            elif isinstance(document, Failure):
                outcome.failed.append(document)
            elif document.language not in self._bundles:
                error = f"no model bundle for language {document.language!r} is installed"
                outcome.failed.append(Failure(place, "no-bundle", error, ""))
            else:
                subjects.append((place, Subject(document, {})))
        todo = self._without_artifact(name, subjects, since, outcome)
        todo = self._with_needs(name, todo, outcome)
        for language, group in groupby(
            sorted(todo, key=lambda item: item[1].document.language), lambda item: item[1].document.language
        ):
            self._compute(name, language, list(group), since, outcome)
        return outcome

    def has_artifact(self, name: str, place: Place, since: float = 0.0) -> bool:
        """Whether the document at `place` has a whole artifact of stage `name`, written after `since`."""
        document = self._document(place)
        if isinstance(document, Failure | _Gone) or document.language not in self._bundles:
            return False
        return self._is_present(name, place, document, since) is True

    def join_complete(self, places: Sequence[Place]) -> Outcome:
        """Write the record of every document whose artifacts are all there: those are `done`.

        The store is read-after-write, so of several workers that finish the last artifacts at once at least one sees
        them all. A document that waits for other stages is in none of the outcome's lists.
        """
        outcome = Outcome()
        for place, joined in zip(places, self._all(self._join, places), strict=True):
            if isinstance(joined, _Gone):
                outcome.gone.append(place)
            elif isinstance(joined, Failure):
                outcome.failed.append(joined)
            elif joined is not None:
                outcome.done.append(place)
                outcome.records.append(joined)
        return outcome

    def _all(self, function: Callable[[In], Out], items: Iterable[In]) -> list[Out]:
        return list(self._pool.map(function, items))

    def _document(self, place: Place) -> Document | Failure | _Gone:
        key = document_key(place)
        try:
            return decode(self._store.get(key), Document, key)
        except NotFound:
            if removal_of(self._store, place.id) is not None:
                # A stage that had the document in hand meanwhile may have left something behind.
                sweep(self._store, place)
                return _Gone()
            return Failure(place, "document-missing", f"the document is not in the store: {key}", "")
        except ValueError as error:
            return Failure(place, "unreadable", str(error), traceback.format_exc())

    def _fingerprint(self, stage: str, document: Document) -> str:
        return self._bundles[document.language].fingerprints[stage]

    def _artifact(self, stage: str, document: Document, place: Place) -> Artifact[Any] | Failure | None:
        """None when it is not there yet, a Failure when what is there cannot be read."""
        key = artifact_key(stage, self._fingerprint(stage, document), place)
        try:
            return decode_artifact(self._store.get(key), stage, key)
        except NotFound:
            return None
        except ValueError as error:
            return Failure(place, "unreadable", str(error), traceback.format_exc())

    def _without_artifact(
        self, name: str, subjects: list[tuple[Place, Subject]], since: float, outcome: Outcome
    ) -> list[tuple[Place, Subject]]:
        def present(item: tuple[Place, Subject]) -> bool | Failure:
            return self._is_present(name, item[0], item[1].document, since)

        todo = []
        for item, is_present in zip(subjects, self._all(present, subjects), strict=True):
            if isinstance(is_present, Failure):
                outcome.failed.append(is_present)
            elif is_present:
                outcome.present.append(item[0])
            else:
                todo.append(item)
        return todo

    def _is_present(self, name: str, place: Place, document: Document, since: float) -> bool | Failure:
        fingerprint = self._fingerprint(name, document)
        keys = [artifact_key(name, fingerprint, place)]
        if since:
            if name == "parse":
                keys.append(conllu_key(fingerprint, place))
            return all((self._store.modified(key) or 0.0) > since for key in keys)
        return self._parse_is_whole(place, document) if name == "parse" else self._store.exists(keys[0])

    def _parse_is_whole(self, place: Place, document: Document) -> bool | Failure:
        """A worker may have died between the parse and its CoNLL-U; the second follows from the first."""
        artifact = self._artifact("parse", document, place)
        if artifact is None or isinstance(artifact, Failure):
            return artifact or False
        if not self._store.exists(conllu_key(artifact.fingerprint, place)):
            self._write_conllu(place, document, artifact)
        return True

    def _with_needs(
        self, name: str, subjects: list[tuple[Place, Subject]], outcome: Outcome
    ) -> list[tuple[Place, Subject]]:
        needs = graph.GRAPH[name].needs

        def needed(item: tuple[Place, Subject]) -> Subject | Failure | str:
            place, subject = item
            said: dict[str, Content] = {}
            for need in needs:
                artifact = self._artifact(need, subject.document, place)
                if isinstance(artifact, Failure):
                    return artifact
                if artifact is None:
                    return need
                said[need] = artifact.content
            return Subject(subject.document, said)

        ready = []
        for (place, _), result in zip(subjects, self._all(needed, subjects), strict=True):
            if isinstance(result, Failure):
                outcome.failed.append(result)
            elif isinstance(result, str):
                outcome.missing.setdefault(result, []).append(place)
            else:
                ready.append((place, result))
        return ready

    def _compute(
        self, name: str, language: str, batch: list[tuple[Place, Subject]], since: float, outcome: Outcome
    ) -> None:
        """Run the stage on the batch; when it raises, one by one, so that only the culprits fail."""
        stage = self.load(name, language)
        started = time.perf_counter()
        try:
            contents = stage.run([subject for _, subject in batch])
        except Exception as error:
            if _is_out_of_memory(error):
                raise MemoryError(str(error)) from error
            if len(batch) == 1:
                reason = type(error).__name__
                outcome.failed.append(Failure(batch[0][0], reason, f"{reason}: {error}", traceback.format_exc()))
            else:
                for item in batch:
                    self._compute(name, language, [item], since, outcome)
            return
        seconds = time.perf_counter() - started
        outcome.seconds += seconds
        characters = sum(len(subject.document.text) for _, subject in batch)
        artifacts: list[Artifact[Any]] = [
            Artifact(
                schema=schema_of(name),
                document=subject.document.id,
                stage=name,
                fingerprint=self._fingerprint(name, subject.document),
                seconds=round(seconds * len(subject.document.text) / characters, 6),
                content=content,
            )
            for (_, subject), content in zip(batch, contents, strict=True)
        ]

        def write(item: tuple[tuple[Place, Subject], Artifact[Any]]) -> None:
            (place, subject), artifact = item
            if since:
                self._write_again(place, subject.document, artifact)
            else:
                self._write(place, subject.document, artifact)

        self._all(write, zip(batch, artifacts, strict=True))
        outcome.done.extend(place for place, _ in batch)
        outcome.characters += characters
        outcome.tokens += sum(_tokens(subject, content) for (_, subject), content in zip(batch, contents, strict=True))

    def _write(self, place: Place, document: Document, artifact: Artifact[Any]) -> None:
        key = artifact_key(artifact.stage, artifact.fingerprint, place)
        written = self._store.create(key, encode(artifact))
        if artifact.stage == "parse":
            if not written:  # somebody was first, and what they wrote is what counts
                artifact = decode_artifact(self._store.get(key), "parse", key)
            self._write_conllu(place, document, artifact)

    def _write_again(self, place: Place, document: Document, artifact: Artifact[Any]) -> None:
        """What was asked to be made again replaces what is there."""
        self._store.replace(artifact_key(artifact.stage, artifact.fingerprint, place), encode(artifact))
        if artifact.stage == "parse":
            text = conllu.render(document, artifact.content)
            self._store.replace(conllu_key(artifact.fingerprint, place), text.encode(), CONLLU)

    def _write_conllu(self, place: Place, document: Document, artifact: Artifact[Any]) -> None:
        text = conllu.render(document, artifact.content)
        self._store.create(conllu_key(artifact.fingerprint, place), text.encode(), CONLLU)

    def _join(self, place: Place) -> Record | Failure | _Gone | None:
        document = self._document(place)
        if isinstance(document, Failure | _Gone):
            return document
        # The leaves first: while one is missing, the parse, the largest, is not fetched for nothing.
        artifacts: dict[str, Artifact[Any]] = {}
        for stage in sorted(graph.STAGES, key=graph.is_leaf, reverse=True):
            artifact = self._artifact(stage, document, place)
            if artifact is None or isinstance(artifact, Failure):
                return artifact
            artifacts[stage] = artifact
        record = join(document, place, artifacts)
        self._store.replace(record_key(place), encode(record))
        # Nobody comes after the record who would find the document gone, so it is looked for once more.
        if not self._store.exists(document_key(place)) and isinstance(again := self._document(place), _Gone):
            return again
        return record


def _is_out_of_memory(error: Exception) -> bool:
    """torch has no error of its own for it on the CPU."""
    return isinstance(error, MemoryError) or "can't allocate memory" in str(error)


def _tokens(subject: Subject, content: Content) -> int:
    return (content if isinstance(content, Parse) else subject.parse).token_count

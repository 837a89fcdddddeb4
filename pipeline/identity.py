"""Who claims what: a text belongs to one document, a story to its latest revision, and what was taken down to nobody.

`texts/{digest}` is claimed, create-only, by the first document that has the text, and holds the path of its place. So
the same text, sent by two senders or on two days, is one document; and the place of a document is found by its id,
which ends in the first digits of its text. `stories/{story}` holds the id of a story's latest revision. A document that
is taken down leaves the word "removed" in both, so that no feed brings it back.
"""

from __future__ import annotations

from pipeline.store import ArtifactStore, NotFound, story_key, text_key
from pipeline.transcript import Place, is_document_id, revision_of, story_of, text_digest

REMOVED = "removed"
_TEXT = "text/plain"


class Removed(Exception):
    """The text or the story was taken down."""


class Claims:
    """Over the store. Every method raises StoreUnavailable or StoreRefused when the store does not do it."""

    def __init__(self, store: ArtifactStore) -> None:
        self._store = store

    def story(self, name: str) -> str | None:
        """Claim the story of the document `name`; returns the id of its latest revision when that is another one.

        Raises Removed when the story was taken down.
        """
        if self._store.create(story_key(story_of(name)), name.encode(), _TEXT):
            return None
        latest = self._store.get(story_key(story_of(name))).decode()
        if latest == REMOVED:
            raise Removed
        return latest if latest != name else None

    def continue_story(self, name: str, latest: str) -> None:
        """Make `latest` the latest revision of the story of the document `name`."""
        self._store.replace(story_key(story_of(name)), latest.encode(), _TEXT)

    def text(self, digest: str, place: Place) -> Place:
        """Claim a text for `place`; returns the place that has it, this or an earlier one. Raises Removed."""
        if self._store.create(text_key(digest), place.path.encode(), _TEXT):
            return place
        held = self._store.get(text_key(digest)).decode()
        if held == REMOVED:
            raise Removed
        return Place.parse(held)

    def take_over(self, digest: str, place: Place) -> None:
        """Give a text to another place, whoever had it."""
        self._store.replace(text_key(digest), place.path.encode(), _TEXT)

    def remove(self, place: Place, text: str) -> None:
        """From now on neither the story of the document at `place` nor its text may enter."""
        self._store.replace(text_key(text_digest(text)), REMOVED.encode(), _TEXT)
        self._store.replace(story_key(story_of(place.id)), REMOVED.encode(), _TEXT)


def place_of_id(store: ArtifactStore, document_id: str) -> Place | None:
    """Where the document called `document_id` lies; None when there is none."""
    if not is_document_id(document_id):
        return None
    for key in store.list(text_key(revision_of(document_id))):
        try:
            held = store.get(key).decode()
        except NotFound:
            continue
        if held != REMOVED and (place := Place.parse(held)).id == document_id:
            return place
    return None


def is_removed(store: ArtifactStore, document_id: str) -> bool:
    """Whether the story of `document_id` was taken down."""
    try:
        return store.get(story_key(story_of(document_id))).decode() == REMOVED
    except NotFound:
        return False

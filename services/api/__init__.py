"""The HTTP API: transcripts in, records out, with the status codes that senders know how to treat. docs/api.md."""

from services.api.app import create, serving

__all__ = ["create", "serving"]

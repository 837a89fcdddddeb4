"""What an API process counts. Labels are route templates and words from short lists, never ids, names or addresses."""

from __future__ import annotations

from services import metrics
from services.admission import Admitted
from services.api.problems import Problem

# A method is whatever a caller writes; only these become labels.
_METHODS = {"GET", "HEAD", "POST", "DELETE", "PUT", "PATCH", "OPTIONS"}


def request(route: str, method: str, status: int, seconds: float) -> None:
    """`status` is 0 when the caller was gone before there was an answer."""
    method = method if method in _METHODS else "other"
    metrics.intake.api_requests.labels(route, method, str(status)).inc()
    metrics.intake.api_seconds.labels(route, method).observe(seconds)


def document(result: Admitted | Problem) -> None:
    if isinstance(result, Problem):
        metrics.intake.api_documents.labels("refused", result.reason).inc()
    else:
        metrics.intake.api_documents.labels(result.verdict, "").inc()

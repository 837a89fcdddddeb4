"""The variables and the files of secrets, before there are settings."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from pydantic import ValidationError

from services.checks.finding import Finding, failed, ok, warning
from services.configuration import SECRETS_VARIABLE, strays, variable
from services.settings import SECRETS, Settings


def check_environment() -> Iterator[Finding]:
    """Unknown variables, secrets that cannot be read or that all may read, values out of bounds."""
    yield from _names()
    secrets = list(_secrets())
    yield from secrets
    if not any(finding.state == "failed" for finding in secrets):
        yield from _values()


def _names() -> Iterator[Finding]:
    found = False
    for name, meant in strays():
        found = True
        if meant is not None:
            yield failed("settings", f"there is no setting {name}", f"{meant} is meant, probably: rename it")
        else:
            yield warning(
                "settings", f"there is no setting {name}", "remove it; docs/configuration.md has all there are"
            )
    if not found:
        yield ok("settings", "every variable that begins with EFIR_ is known")


def _secrets() -> Iterator[Finding]:
    if not SECRETS.is_dir():
        if SECRETS_VARIABLE in os.environ:
            yield failed("secrets", f"{SECRETS} is no folder", f"make it, or change {SECRETS_VARIABLE}")
        return
    names = [variable(name).lower() for name in Settings.model_fields]
    paths = [path for name in names if (path := SECRETS / name).exists()]
    for path in paths:
        yield _secret(path)
    if not paths:
        yield ok("secrets", f"no secret of Efir's lies in {SECRETS}")


def _secret(path: Path) -> Finding:
    try:
        path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        return failed("secrets", f"{path}: {error}", f"let user {os.getuid()} read it, as UTF-8 text")
    if path.stat().st_mode & stat.S_IROTH:
        return warning("secrets", f"{path}: every user of this machine may read it", f"chmod o-r {path}")
    return ok("secrets", f"{path} is readable, and not by all")


def _values() -> Iterator[Finding]:
    try:
        settings = Settings()
    except ValidationError as error:
        for problem in error.errors():
            named = f"{variable(str(problem['loc'][0]))}: " if problem["loc"] else ""
            yield failed("settings", f"{named}{problem['msg']}", "see docs/configuration.md for its bounds")
        return
    if (settings.broker_url is None) != (settings.store_endpoint is None):
        missing = "EFIR_BROKER_URL" if settings.broker_url is None else "EFIR_STORE_ENDPOINT"
        yield failed("settings", f"{missing} is not set", "set broker and store both, or neither")
        return
    yield ok("settings", "all values are within their bounds")

"""efir keys: who may use the HTTP API."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import Annotated

import msgspec
import typer
from rich.table import Table

from pipeline.readers import Rejected
from pipeline.readers.dates import parse_date
from services import logs
from services.cli.installation import AsJson, Installation, State, Yes, confirm, err, installation, out, refuse
from services.cli.present import printable
from services.keys import Key, Keys, Scope

app = typer.Typer(help="API keys: make, list, replace and take back.", no_args_is_help=True)

KeyId = Annotated[str, typer.Argument(metavar="ID", help="A key's id, as ls prints it.")]


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="Whose it is, for people.")],
    scopes: Annotated[
        list[Scope], typer.Option("--scope", "-s", help="What it may do; say it once for each. None contains another.")
    ],
    requests: Annotated[
        int | None,
        typer.Option("--rate", min=1, help="Requests a minute.  [default: EFIR_API_REQUESTS_PER_MINUTE]"),
    ] = None,
    documents: Annotated[
        int | None,
        typer.Option("--documents", min=1, help="Documents a minute.  [default: EFIR_API_DOCUMENTS_PER_MINUTE]"),
    ] = None,
    expires: Annotated[str | None, typer.Option(metavar="DATE", help="ISO 8601; never when not given.")] = None,
    state: State = None,
) -> None:
    """Make a key and print it, once: what is kept cannot be turned back into it.

    The first key closes the API to callers of this machine that have none.
    """
    logs.configure("ERROR", "console")
    until = _date(expires) if expires else None
    with installation(state) as here:
        key, token = Keys(here.store).add(
            name,
            tuple(dict.fromkeys(scopes)),
            requests_per_minute=requests,
            documents_per_minute=documents,
            expires=until,
        )
    err.print(f"key {key.id} of {printable(name)}: {', '.join(key.scopes)}. It is shown only now.", markup=False)
    sys.stdout.write(token + "\n")


@app.command()
def ls(as_json: AsJson = False, state: State = None) -> None:
    """List all keys, also those that were taken back."""
    logs.configure("ERROR", "console")
    with installation(state) as here:
        keys = sorted(Keys(here.store).all(), key=lambda key: key.created)
    if as_json:
        for key in keys:
            told = msgspec.to_builtins(key)
            del told["digest"]
            sys.stdout.write(msgspec.json.encode(told).decode() + "\n")
        return
    table = Table("id", "name", "scopes", "requests/min", "documents/min", "created", "state")
    for key in keys:
        rates = (str(rate or "default") for rate in (key.requests_per_minute, key.documents_per_minute))
        table.add_row(
            key.id, printable(key.name), ", ".join(key.scopes), *rates, f"{key.created:%Y-%m-%d}", _state(key)
        )
    out.print(table if keys else "no key was ever made: the API answers this machine alone, and asks it for none")


@app.command()
def rm(key_id: KeyId, yes: Yes = False, state: State = None) -> None:
    """Take a key back. API processes know within five seconds; the key stays in the list, disabled."""
    logs.configure("ERROR", "console")
    with installation(state) as here:
        key = _find(here, key_id)
        confirm(f"Take back key {key.id} of {printable(key.name)}?", yes)
        Keys(here.store).disable(key)
    out.print(f"key {key.id} is disabled")


@app.command()
def rotate(key_id: KeyId, yes: Yes = False, state: State = None) -> None:
    """Give a key another secret and print it, once. The old one opens nothing after five seconds.

    To change over without a gap, add a second key first, and take the first one back.
    """
    logs.configure("ERROR", "console")
    with installation(state) as here:
        key = _find(here, key_id)
        if key.disabled is not None:
            refuse(f"key {key.id} was taken back; make another: efir keys add")
        confirm(f"Replace the secret of key {key.id} of {printable(key.name)}?", yes)
        token = Keys(here.store).rotate(key)
    sys.stdout.write(token + "\n")


def _find(here: Installation, key_id: str) -> Key:
    key = Keys(here.store).get(key_id) if key_id.isalnum() else None
    if key is None:
        refuse(f"no key has the id {key_id!r}; efir keys ls lists them")
    return key


def _date(text: str) -> datetime:
    try:
        return parse_date(text)
    except Rejected as rejected:
        refuse(f"--expires: {rejected.explanation}")


def _state(key: Key) -> str:
    if key.disabled is not None:
        return f"taken back {key.disabled:%Y-%m-%d}"
    if key.expires is None:
        return "valid"
    return f"valid until {key.expires:%Y-%m-%d}" if key.is_valid(datetime.now(UTC)) else "expired"

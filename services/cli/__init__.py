"""The command line. `efir --help` is its documentation; each module here is one group of commands."""

from __future__ import annotations

import sys

import typer
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from pipeline.models.bundle import BundleError
from pipeline.store import StoreRefused, StoreUnavailable
from services.cli import campaigns, config, exporter, feeds, operate, quarantine, queue, recover, reprocess, run
from services.cli.installation import complain
from services.cli.keys import app as keys
from services.cli.models import app as models
from services.embedded import EmbeddedError

app = typer.Typer(
    name="efir",
    help="Read media feeds and transcripts: sentences, entities, sentiment and topics, Ukrainian first.\n\n"
    "With nothing configured, every command runs on this machine alone, with servers of its own under --state. "
    "Set EFIR_BROKER_URL and EFIR_STORE_ENDPOINT to use a broker and an object store that you run.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("run", rich_help_panel="Read")(run.run)
app.command("ingest", rich_help_panel="Read")(operate.ingest)
app.command("show", rich_help_panel="Read")(operate.show)
app.add_typer(feeds.app, name="feeds", rich_help_panel="Read")
app.command("up", rich_help_panel="Run")(operate.up)
app.command("worker", rich_help_panel="Run")(operate.worker)
app.command("api", rich_help_panel="Run")(operate.api)
app.command("exporter", rich_help_panel="Run")(exporter.exporter)
app.command("dispatcher", rich_help_panel="Run")(operate.dispatcher)
app.command("rm", rich_help_panel="Read")(operate.rm)
app.command("status", rich_help_panel="Run")(operate.status)
app.command("recover", rich_help_panel="Reprocess")(recover.recover)
app.command("reprocess", rich_help_panel="Reprocess")(reprocess.reprocess)
app.add_typer(campaigns.app, name="campaigns", rich_help_panel="Reprocess")
app.add_typer(queue.app, name="queue", rich_help_panel="Reprocess")
app.add_typer(quarantine.app, name="quarantine", rich_help_panel="Reprocess")
app.add_typer(keys, name="keys", rich_help_panel="Run")
app.add_typer(config.app, name="config", rich_help_panel="Run")
app.add_typer(models, name="models", rich_help_panel="Models")


def main() -> None:
    """The console script. What a user can mend is said in one sentence, without a traceback."""
    try:
        app()
    except (EmbeddedError, BundleError, StoreUnavailable, StoreRefused) as error:
        complain("efir:", str(error))
        sys.exit(1)
    except (RedisError, OperationalError) as error:
        complain("efir:", f"the broker does not answer: {error}. Check EFIR_BROKER_URL, or that `efir up` still runs.")
        sys.exit(1)

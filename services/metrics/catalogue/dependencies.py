"""Are the broker, the store and the clocks well?"""

from __future__ import annotations

from services.metrics.catalogue.common import SECONDS, STORING
from services.metrics.forms import Section

_section = Section(
    "Are the broker, the store and the clocks well?",
    "The broker's own figures are those of its INFO; the store is asked for a key that is not there.",
)
broker_up = _section.reading("efir_broker_up", "1 when the broker answered this scrape.")
broker_info = _section.reading("efir_broker_info", "1, with the broker's version.", ["version"])
broker_ping = _section.reading("efir_broker_ping_seconds", "Time of one round trip to the broker.")
broker_uptime = _section.reading("efir_broker_uptime_seconds", "Since the broker was started.")
broker_memory = _section.reading("efir_broker_memory_used_bytes", "Memory the broker uses for data and clients.")
broker_memory_max = _section.reading("efir_broker_memory_max_bytes", "What it may use; 0 without a limit.")
broker_memory_resident = _section.reading("efir_broker_memory_resident_bytes", "Resident memory of the broker.")
broker_clients = _section.reading("efir_broker_connected_clients", "Clients connected to the broker.")
broker_clients_max = _section.reading("efir_broker_max_clients", "Clients it accepts.")
broker_evicted = _section.reading(
    "efir_broker_evicted_keys", "Keys thrown away for want of memory. Must stay 0: keys are queues.", kind="counter"
)
broker_refused = _section.reading(
    "efir_broker_rejected_connections", "Connections refused for too many clients.", kind="counter"
)
broker_commands = _section.reading("efir_broker_commands", "Commands the broker has processed.", kind="counter")
broker_aof = _section.reading("efir_broker_aof_enabled", "1 when the broker keeps an append-only file.")
broker_aof_ok = _section.reading(
    "efir_broker_aof_last_write_ok", "0 when the last write to the append-only file failed."
)
broker_aof_bytes = _section.reading("efir_broker_aof_bytes", "Size of the append-only file.")
broker_aof_delayed = _section.reading(
    "efir_broker_aof_delayed_fsyncs", "Times writing had to wait for the disk.", kind="counter"
)
broker_saved = _section.reading(
    "efir_broker_last_save_timestamp_seconds", "When the last snapshot was written, Unix time."
)
broker_save_ok = _section.reading("efir_broker_last_save_ok", "0 when writing the last snapshot failed.")
store_up = _section.reading("efir_store_up", "1 when the store answered the exporter's last question.")
store_seconds = _section.histogram(
    "efir_store_operation_seconds", "Time of one store operation.", ["operation"], SECONDS, by=STORING
)
store_errors = _section.counter(
    "efir_store_errors",
    "Store operations that failed: unavailable (will pass) or refused (will not). `code`: the store's word for it, "
    "its HTTP status, or no-answer.",
    ["operation", "kind", "code"],
    by=STORING,
)
disk_free = _section.reading(
    "efir_state_disk_free_bytes", "Free space where the embedded installation keeps its state."
)
disk_size = _section.reading(
    "efir_state_disk_size_bytes", "What that file system can hold, without what it keeps from its users."
)
clock_skew = _section.reading(
    "efir_clock_skew_seconds",
    "This process's clock minus that of the broker (TIME) or the store (Date, in whole seconds).",
    ["against"],
    by=["worker", "exporter"],
)

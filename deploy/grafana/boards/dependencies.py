"""Broker, store, and what the workers use of their machines."""

from __future__ import annotations

from deploy.grafana.boards import parts
from deploy.grafana.boards.common import ANNOTATIONS, INSTANCE
from deploy.grafana.boards.parts import Query, falling, figure, lines, rising, rows
from deploy.grafana.boards.queries import RATE, rate

_HERE = 'instance=~"$instance"'
_YES_IS_GOOD = falling(0.5, 1)
_WELL = {1.0: "ok", 0.0: "FAILS"}

_NOW = [
    figure(
        "Broker",
        "Whether the exporter reaches the broker.",
        Query("max(efir_broker_up)"),
        "short",
        ["EfirBrokerDown", "EfirExporterAbsent"],
        _YES_IS_GOOD,
        texts={1: "up", 0: "DOWN"},
        none="no exporter",
    ),
    figure(
        "Broker's disk",
        "Whether its last write to the append-only file and its last snapshot succeeded.",
        Query("min(efir_broker_aof_last_write_ok) * min(efir_broker_last_save_ok)"),
        "short",
        ["EfirBrokerDisk"],
        _YES_IS_GOOD,
        texts=_WELL,
        none="unknown",
    ),
    figure(
        "Evicted",
        "Keys the broker has thrown away for want of memory. Must stay 0: keys are queues.",
        Query("max(efir_broker_evicted_keys_total)"),
        "short",
        ["EfirBrokerEvicts"],
        rising(1, 1),
        none="unknown",
    ),
    figure(
        "Store",
        "Whether the exporter reaches the object store.",
        Query("max(efir_store_up)"),
        "short",
        ["EfirStoreDown"],
        _YES_IS_GOOD,
        texts={1: "up", 0: "DOWN"},
        none="no exporter",
    ),
    figure(
        "Disk free",
        "Of the file system where the embedded servers keep their state; in Kubernetes, of the fullest volume.",
        Query(
            "min(efir_state_disk_free_bytes / efir_state_disk_size_bytes) or min("
            'kubelet_volume_stats_available_bytes{namespace="efir"} / '
            'kubelet_volume_stats_capacity_bytes{namespace="efir"})'
        ),
        "percentunit",
        ["EfirDiskFilling", "EfirVolumeFilling"],
        falling(0.1, 0.2),
        none="not watched",
    ),
    figure(
        "Clocks",
        "The largest difference of a clock to those of broker and store.",
        Query("max(abs(efir_clock_skew_seconds))"),
        "s",
        ["EfirClockSkew"],
        rising(2, 5),
        none="unknown",
    ),
]

_BROKER = [
    lines(
        "Broker's memory",
        "Used for data and clients, resident, and the limit, if there is one.",
        Query("max(efir_broker_memory_used_bytes)", "used"),
        Query("max(efir_broker_memory_resident_bytes)", "resident"),
        Query("max(efir_broker_memory_max_bytes) > 0", "limit"),
        unit="bytes",
        alerts=["EfirBrokerMemory", "EfirBrokerEvicts"],
    ),
    lines(
        "Commands",
        "Commands the broker processes per second.",
        Query(f"max(rate(efir_broker_commands_total{RATE}))", "commands"),
        unit="ops",
        alerts=["EfirBrokerDown"],
    ),
    lines(
        "Round trip",
        "Time of one round trip from the exporter to the broker.",
        Query("max(efir_broker_ping_seconds)", "ping"),
        unit="s",
        alerts=["EfirBrokerDown"],
    ),
    lines(
        "Clients",
        "Connected clients; and connections refused per second for too many.",
        Query("max(efir_broker_connected_clients)", "connected"),
        Query(f"max(rate(efir_broker_rejected_connections_total{RATE}))", "refused per second"),
        unit="short",
    ),
    lines(
        "Append-only file",
        "Its size.",
        Query("max(efir_broker_aof_bytes)", "size"),
        unit="bytes",
        alerts=["EfirBrokerDisk", "EfirDiskFilling"],
    ),
    lines(
        "Waits for the broker's disk",
        "Times a second that writing the append-only file had to wait for the disk.",
        Query(f"max(rate(efir_broker_aof_delayed_fsyncs_total{RATE}))", "delayed"),
        unit="suffix: /s",
        alerts=["EfirBrokerDisk"],
    ),
]

_STORE = [
    lines(
        "Time of a store operation",
        "95 % took no longer, by operation.",
        Query(
            "histogram_quantile(0.95, sum by (le, operation) "
            f"(rate(efir_store_operation_seconds_bucket{{{_HERE}}}{RATE})))",
            "{{operation}}",
        ),
        unit="s",
        alerts=["EfirStoreDown"],
    ),
    lines(
        "Store operations",
        "Operations a second, by operation.",
        Query(rate("efir_store_operation_seconds_count", "operation", _HERE), "{{operation}}"),
        unit="ops",
        stacked=True,
    ),
    lines(
        "Store errors by code",
        "Operations a second that failed: unavailable ones are tried again, refused ones are not.",
        Query(rate("efir_store_errors_total", "kind, code", _HERE), "{{kind}}: {{code}}"),
        unit="ops",
        alerts=["EfirStoreErrors", "EfirStoreDown"],
    ),
    lines(
        "Written",
        "Bytes a second, by the top folder.",
        Query(rate("efir_store_written_bytes_total", "folder", _HERE), "{{folder}}"),
        unit="Bps",
        alerts=["EfirDiskFilling"],
        stacked=True,
    ),
    lines(
        "Read",
        "Bytes a second, by the top folder.",
        Query(rate("efir_store_read_bytes_total", "folder", _HERE), "{{folder}}"),
        unit="Bps",
        stacked=True,
    ),
    lines(
        "Waiting for the store or the broker",
        "Processes that hold documents and wait, and workers that take nothing because the store is away.",
        Query(f"sum by (cause) (efir_waiting_processes{{{_HERE}}})", "wait for the {{cause}}"),
        Query(f"sum(efir_worker_intake_held{{{_HERE}}})", "workers that hold back"),
        unit="short",
        alerts=["EfirStoreDown", "EfirRetryStorm"],
    ),
]

_WORKERS = [
    lines(
        "Workers' processor",
        "Cores a worker's processes use.",
        Query(rate("efir_process_cpu_seconds_total", "instance, process", _HERE), "{{instance}} {{process}}"),
        unit="suffix: cores",
        stacked=True,
    ),
    lines(
        "Workers' memory",
        "By process; a page that n processes share counts as 1/n, so the sum is what the machine gives.",
        Query(f"efir_process_proportional_memory_bytes{{{_HERE}}}", "{{instance}} {{process}}"),
        unit="bytes",
        stacked=True,
    ),
    lines(
        "Other processes' memory",
        "Resident memory of exporter, API and feeds.",
        Query(f'process_resident_memory_bytes{{job=~"efir-(exporter|api|feeds)", {_HERE}}}', "{{job}} {{instance}}"),
        unit="bytes",
    ),
    lines(
        "Workers' open files",
        "Share of the descriptors that a process may open.",
        Query(f"efir_process_open_fds{{{_HERE}}} / efir_process_max_fds{{{_HERE}}}", "{{instance}} {{process}}"),
        unit="percentunit",
        steps=rising(0.5, 0.8),
    ),
    lines(
        "Progress",
        "Time since a worker finished a message or knew that there was nothing to do. At "
        "EFIR_PROGRESS_SECONDS (600) it is unhealthy.",
        Query(f"efir_worker_stalled_seconds{{{_HERE}}}", "{{instance}}"),
        unit="s",
        alerts=["EfirWorkerStuck"],
        steps=rising(300, 600),
    ),
    lines(
        "Clocks",
        "A process's clock minus that of the broker or the store; the store tells whole seconds.",
        Query(f"max by (instance, against) (abs(efir_clock_skew_seconds{{{_HERE}}}))", "{{instance}}: {{against}}"),
        unit="s",
        alerts=["EfirClockSkew"],
        steps=rising(2, 5),
    ),
    lines(
        "Pool processes started",
        "Since the worker was started, the first ones included; one that is killed or crashes is replaced.",
        Query(f"sum by (instance) (efir_pool_process_starts_total{{{_HERE}}})", "{{instance}}"),
        unit="short",
        alerts=["EfirWorkerLost"],
    ),
    rows(
        "Models in memory",
        "How much a process grew when it loaded a stage's models; what stages share, the first one bears.",
        Query(f"max by (stage, language) (efir_model_memory_bytes{{{_HERE}}})"),
        "bytes",
        {"stage": "Stage", "language": "Language", "Value": "Memory"},
    ),
    rows(
        "What runs",
        "Processes by version of Efir and Python.",
        Query(f"count by (job, version, python) (efir_build_info{{{_HERE}}})"),
        "short",
        {"job": "Job", "version": "Efir", "python": "Python", "Value": "Processes"},
    ),
    lines(
        "Scraped",
        "1 while Prometheus reaches a process.",
        Query(f'min by (job) (up{{job=~"efir-.*", {_HERE}}})', "{{job}}"),
        unit="short",
        alerts=["EfirTargetDown", "EfirApiGone"],
        steps=_YES_IS_GOOD,
        top=1,
    ),
    lines(
        "Age of what is exported",
        "Time since the exporter had an answer of the broker and of the store.",
        Query("time() - max by (part) (efir_exporter_collected_timestamp_seconds)", "{{part}}"),
        unit="s",
        alerts=["EfirExporterBehind", "EfirExporterAbsent"],
        steps=rising(300, 900),
    ),
    lines(
        "Time the exporter takes",
        "For one look at the broker and at the store.",
        Query("max by (part) (efir_exporter_collect_seconds)", "{{part}}"),
        unit="s",
        alerts=["EfirExporterBehind"],
    ),
]


def board(runbooks: str) -> parts.Board:
    return parts.board(
        "dependencies",
        "Dependencies",
        "Broker, store, and the processor time and memory of the workers.",
        [INSTANCE],
        ANNOTATIONS,
        {"Now": _NOW, "Broker": _BROKER, "Store": _STORE, "Processes": _WORKERS},
        runbooks=runbooks,
    )

"""Debian's prometheus with the rules of deploy/prometheus, started for a test or a measurement."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx
import msgspec

from deploy.grafana.drawing.evaluation import Prometheus
from tests.system.rig import ROOT, until

RULES = ROOT / "deploy" / "prometheus" / "rules"
_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
# A range of a selector or subquery, `for` or `interval`; an age that an expression compares with is a number and no
# duration.
_DURATION = re.compile(r"((?:\[|:|\boffset |\bfor: |\binterval: ))(\d+)(ms|s|m|h|d|w)\b")


def tool(name: str) -> str:
    """The path of a program that a Debian package brings; not to have it is a failure, not a reason to skip."""
    found = shutil.which(name)
    assert found is not None, (
        f"{name} is not installed; run: apt-get install --no-install-recommends prometheus prometheus-alertmanager"
    )
    return found


def shortened(rules: str, factor: float, least: float) -> str:
    """The rules with every duration divided by `factor`, though not below `least` seconds.

    A test cannot wait five minutes for an alert. Only the durations change, in ranges and in `for`; what is computed,
    compared and written stays what is deployed.
    """

    def shorter(found: re.Match[str]) -> str:
        seconds = int(found[2]) * _UNITS[found[3]]
        return f"{found[1]}{max(least if seconds else 0, seconds / factor) * 1000:.0f}ms"

    return _DURATION.sub(shorter, rules)


class PrometheusServer:
    """Use as a context manager. `jobs`: name of a job -> its targets, each host:port."""

    def __init__(
        self, folder: Path, jobs: dict[str, Sequence[str]], factor: float = 1.0, scrape_seconds: float = 1.0
    ) -> None:
        self._folder = folder
        self._factor = factor
        self._scrape = scrape_seconds
        self._jobs = jobs

    def __enter__(self) -> PrometheusServer:
        self._folder.mkdir(parents=True, exist_ok=True)
        for rules in RULES.glob("*.yml"):
            least = 4 * self._scrape
            text = rules.read_text()
            (self._folder / rules.name).write_text(shortened(text, self._factor, least) if self._factor > 1 else text)
        configuration = self._folder / "prometheus.yml"
        # JSON is YAML, too.
        configuration.write_bytes(msgspec.json.encode(self._configuration()))
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.address = f"http://127.0.0.1:{port}"
        with (self._folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [
                    tool("prometheus"),
                    f"--config.file={configuration}",
                    f"--storage.tsdb.path={self._folder / 'data'}",
                    f"--web.listen-address=127.0.0.1:{port}",
                    "--web.enable-lifecycle",
                    "--log.level=warn",
                ],
                stdout=log,
                stderr=log,
            )
        until(self._is_ready, 30, "prometheus being ready; its log is in " + str(self._folder))
        self.api = Prometheus(self.address)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._process.terminate()
        self._process.wait(30)

    def _is_ready(self) -> bool:
        assert self._process.poll() is None, (self._folder / "log").read_text()
        try:
            return httpx.get(f"{self.address}/-/ready").status_code == 200
        except httpx.TransportError:
            return False

    def scrape_also(self, job: str, targets: Sequence[str]) -> None:
        """Targets that came later; read again without a restart."""
        self._jobs[job] = targets
        (self._folder / "prometheus.yml").write_bytes(msgspec.json.encode(self._configuration()))
        httpx.post(f"{self.address}/-/reload").raise_for_status()

    def _configuration(self) -> dict[str, Any]:
        every = f"{self._scrape * 1000:.0f}ms"
        return {
            "global": {"scrape_interval": every, "scrape_timeout": every, "evaluation_interval": every},
            "rule_files": [str(self._folder / rules.name) for rules in RULES.glob("*.yml")],
            "scrape_configs": [
                {"job_name": job, "static_configs": [{"targets": list(targets)}]} for job, targets in self._jobs.items()
            ],
        }

    def alerts(self) -> dict[str, str]:
        """Name -> "pending" or "firing", the worse of several; what is quiet is absent."""
        found: dict[str, str] = {}
        for each in self.api.get("alerts")["alerts"]:
            name = each["labels"]["alertname"]
            found[name] = "firing" if "firing" in {each["state"], found.get(name)} else each["state"]
        return found

    def rules(self) -> list[Any]:
        """Every rule, with its health and last error."""
        return [rule for group in self.api.get("rules")["groups"] for rule in group["rules"]]

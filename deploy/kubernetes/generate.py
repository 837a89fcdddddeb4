"""Write what Kubernetes takes of the monitoring: `python -m deploy.kubernetes.generate`.

The rules and the dashboards have one home, deploy/prometheus and deploy/grafana. Kustomize makes ConfigMaps of files it
is named one by one, and cannot put a file into a field, as a PrometheusRule needs it. So these two are written here,
and a test tells when they have fallen behind.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

_DEPLOY = Path(__file__).parent.parent
_HEAD = "# Written by `python -m deploy.kubernetes.generate`; not to be edited.\n"

RULES = _DEPLOY / "kubernetes" / "components" / "monitoring" / "prometheus-rules.yaml"
DASHBOARDS = _DEPLOY / "grafana" / "kustomization.yaml"


def rules() -> str:
    """One PrometheusRule a file of rules: the format of its groups is Prometheus' own.

    https://prometheus-operator.dev/docs/api-reference/api/#monitoring.coreos.com/v1.PrometheusRule
    """
    return _HEAD + "---\n".join(
        _yaml(
            {
                "apiVersion": "monitoring.coreos.com/v1",
                "kind": "PrometheusRule",
                "metadata": {"name": path.stem},
                "spec": {"groups": yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]},
            }
        )
        for path in sorted((_DEPLOY / "prometheus" / "rules").glob("*.yml"))
    )


def dashboards() -> str:
    """A ConfigMap a dashboard, with the label by which Grafana's sidecar finds it.

    One each, because a ConfigMap takes 1 MiB at most.
    """
    files = sorted((_DEPLOY / "grafana" / "dashboards").glob("*.json"))
    return _HEAD + _yaml(
        {
            "apiVersion": "kustomize.config.k8s.io/v1beta1",
            "kind": "Kustomization",
            "generatorOptions": {"disableNameSuffixHash": True, "labels": {"grafana_dashboard": "1"}},
            "configMapGenerator": [
                {"name": f"{path.stem}-dashboard", "files": [f"dashboards/{path.name}"]} for path in files
            ],
        }
    )


def _yaml(value: dict[str, Any]) -> str:
    return yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=120)


def main() -> None:
    RULES.write_text(rules(), encoding="utf-8")
    DASHBOARDS.write_text(dashboards(), encoding="utf-8")


if __name__ == "__main__":
    main()

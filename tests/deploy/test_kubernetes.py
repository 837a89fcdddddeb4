"""The manifests: built by Kustomize as kubectl has it, checked against Kubernetes' schemas and against each other."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from cloudcoil.models.keda import v1alpha1 as keda
from cloudcoil.models.prometheus_operator import v1 as operator

from deploy.kubernetes import generate
from pipeline.graph import STAGES
from tests.deploy.repository import KUBERNETES, REPOSITORY, SECRETS, kustomized

ROLES = {"api", "feeds", "worker", "dispatcher", "exporter"}
COMPONENT = "app.kubernetes.io/component"
WORKLOADS = {"Deployment", "StatefulSet"}
VERSIONS = ("1.33.1", "1.37.0")  # the oldest that was looked at, and the newest
CUSTOM = {
    "ScaledObject": keda.ScaledObject,
    "PodMonitor": operator.PodMonitor,
    "ServiceMonitor": operator.ServiceMonitor,
    "PrometheusRule": operator.PrometheusRule,
}


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An overlay for broker and store outside of the cluster, without KEDA."""
    folder = tmp_path_factory.mktemp("overlay").resolve()
    there = os.path.relpath(KUBERNETES, folder)
    overlay = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": [f"{there}/base"],
        "components": [f"{there}/components/external-servers", f"{there}/components/hpa"],
    }
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(overlay))
    return folder


@pytest.fixture(params=["example", "elsewhere"])
def objects(request: pytest.FixtureRequest, elsewhere: Path) -> list[dict[str, Any]]:
    return kustomized(KUBERNETES / "example" if request.param == "example" else elsewhere)


def of(objects: list[dict[str, Any]], *kinds: str) -> list[dict[str, Any]]:
    return [each for each in objects if each["kind"] in kinds]


def pods(objects: list[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any], dict[str, str]]]:
    """(name of the workload, its pods' spec, their labels)."""
    for each in of(objects, *WORKLOADS):
        template = each["spec"]["template"]
        yield each["metadata"]["name"], template["spec"], template["metadata"]["labels"]


def selects(selector: dict[str, Any], labels: dict[str, str]) -> bool:
    expressions = selector.get("matchExpressions", [])
    assert all(each["operator"] == "In" for each in expressions)
    return all(labels.get(key) == value for key, value in selector.get("matchLabels", {}).items()) and all(
        labels.get(each["key"]) in each["values"] for each in expressions
    )


@pytest.mark.parametrize("version", VERSIONS)
def test_kubernetes_knows_every_field(objects: list[dict[str, Any]], version: str) -> None:
    for each in objects:
        if each["kind"] not in CUSTOM:
            kubernetes_validate.validate(each, version, strict=True)


def test_an_unknown_field_would_be_found(objects: list[dict[str, Any]]) -> None:
    deployment = {**of(objects, "Deployment")[0]}
    deployment["spec"] = {**deployment["spec"], "replica": 3}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(deployment, VERSIONS[-1], strict=True)


def test_operators_know_every_field_of_theirs(objects: list[dict[str, Any]]) -> None:
    """Against models made of the resource definitions of KEDA 2.16 and Prometheus Operator 0.80."""
    for each in of(objects, *CUSTOM):
        CUSTOM[each["kind"]].model_validate(each, extra="forbid")


def test_an_unknown_field_of_an_operator_would_be_found() -> None:
    (scaled, *_) = of(kustomized(KUBERNETES / "example"), "ScaledObject")
    scaled = {**scaled, "spec": {**scaled["spec"], "minReplicas": 1}}
    with pytest.raises(ValueError, match="minReplicas"):
        keda.ScaledObject.model_validate(scaled, extra="forbid")


def test_pods_are_restricted_as_their_namespace_demands(objects: list[dict[str, Any]]) -> None:
    """Pod Security Standards, `restricted`: https://kubernetes.io/docs/concepts/security/pod-security-standards/"""
    (namespace,) = of(objects, "Namespace")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    for name, pod, _ in pods(objects):
        own = pod["securityContext"]
        assert own["runAsNonRoot"] is True and own["runAsUser"] > 0 and own["fsGroup"] > 0, name
        assert own["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["automountServiceAccountToken"] is False and pod["serviceAccountName"] == "efir"
        # Kubernetes would set EFIR_API_PORT=tcp://... for a service called efir-api.
        assert pod["enableServiceLinks"] is False
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod)
        assert {next(iter(set(volume) - {"name"})) for volume in pod["volumes"]} <= {"secret", "emptyDir"}
        for container in pod["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
    (account,) = of(objects, "ServiceAccount")
    assert account["automountServiceAccountToken"] is False


def test_pods_are_bounded_spread_and_watched(objects: list[dict[str, Any]]) -> None:
    for name, pod, labels in pods(objects):
        (container,) = pod["containers"]
        resources = container["resources"]
        assert {"cpu", "memory"} <= set(resources["requests"]) and "memory" in resources["limits"], name
        assert re.search(r":v?\d+\.\d+", container["image"]) and "latest" not in container["image"]
        probes = {"startupProbe", "livenessProbe", "readinessProbe"}
        assert probes <= set(container), name
        for probe in probes:
            action = container[probe].get("httpGet") or container[probe].get("tcpSocket")
            assert action is None or action["port"] in {port["name"] for port in container["ports"]}
        if labels[COMPONENT] in ROLES:
            assert pod["topologySpreadConstraints"]
            assert all(selects(each["labelSelector"], labels) for each in pod["topologySpreadConstraints"])
        assert all("sizeLimit" in volume["emptyDir"] for volume in pod["volumes"] if "emptyDir" in volume)


def test_deployments_roll_without_a_gap(objects: list[dict[str, Any]]) -> None:
    for each in of(objects, "Deployment"):
        assert each["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0


def test_every_selector_hits_the_pods_it_means(objects: list[dict[str, Any]]) -> None:
    labels = {name: own for name, _, own in pods(objects)}
    for each in of(objects, *WORKLOADS, "PodDisruptionBudget"):
        meant = each["metadata"]["name"]
        assert [name for name, own in labels.items() if selects(each["spec"]["selector"], own)] == [meant]
    for each in of(objects, "Service"):
        hit = [name for name, own in labels.items() if each["spec"]["selector"].items() <= own.items()]
        assert hit == [each["metadata"]["name"]]
    assert {each["metadata"]["name"] for each in of(objects, "PodDisruptionBudget")} == set(labels)


def test_every_port_that_is_named_is_there(objects: list[dict[str, Any]]) -> None:
    ports = {
        labels[COMPONENT]: {port["name"] for port in pod["containers"][0].get("ports", [])}
        for _, pod, labels in pods(objects)
    }
    for each in of(objects, "Service"):
        component = each["spec"]["selector"][COMPONENT]
        assert {port["targetPort"] for port in each["spec"]["ports"]} <= ports[component]
    for each in of(objects, "NetworkPolicy"):
        chosen = [own for name, own in ports.items() if selects(each["spec"]["podSelector"], {COMPONENT: name})]
        for rule in each["spec"].get("ingress", []):
            for port in rule["ports"]:
                assert any(port["port"] in own for own in chosen), each["metadata"]["name"]
    for each in of(objects, "PodMonitor"):
        chosen = [own for name, own in ports.items() if selects(each["spec"]["selector"], {COMPONENT: name})]
        assert chosen
        assert all(point["port"] in own for point in each["spec"]["podMetricsEndpoints"] for own in chosen)


def test_every_reference_leads_somewhere(objects: list[dict[str, Any]]) -> None:
    """ConfigMaps are among the objects; secrets are made by you, and docs/deploy.md says how."""
    maps = {each["metadata"]["name"] for each in of(objects, "ConfigMap")}
    guide = (REPOSITORY / "docs" / "deploy.md").read_text()
    assert not of(objects, "Secret")
    for name, pod, _ in pods(objects):
        for source in pod["containers"][0].get("envFrom", []):
            assert source["configMapRef"]["name"] in maps, name
        for volume in pod["volumes"]:
            if "secret" in volume:
                assert f"create secret generic {volume['secret']['secretName']} " in guide
    assert all(f"--from-file=deploy/secrets/{name}" in guide for name in SECRETS)
    for each in of(objects, "ServiceMonitor"):
        key = each["spec"]["endpoints"][0]["authorization"]["credentials"]
        assert f"create secret generic {key['name']} " in guide and f"--from-literal={key['key']}=" in guide
    workloads = {each["metadata"]["name"] for each in of(objects, *WORKLOADS)}
    for each in of(objects, "HorizontalPodAutoscaler", "ScaledObject"):
        assert each["spec"]["scaleTargetRef"]["name"] in workloads


def test_whatever_is_scaled_is_scaled_by_one_and_counted_by_nobody_else(objects: list[dict[str, Any]]) -> None:
    scaled = [each["spec"]["scaleTargetRef"]["name"] for each in of(objects, "HorizontalPodAutoscaler", "ScaledObject")]
    assert sorted(scaled) == ["efir-api", "efir-worker"]
    for each in of(objects, "Deployment"):
        assert ("replicas" in each["spec"]) == (each["metadata"]["name"] not in scaled)


def test_workers_are_scaled_by_backlog_and_by_age_of_metrics_that_exist() -> None:
    catalogue = "".join(path.read_text() for path in (REPOSITORY / "services").rglob("*.py"))
    for each in of(kustomized(KUBERNETES / "example"), "ScaledObject"):
        queries = [trigger["metadata"]["query"] for trigger in each["spec"]["triggers"]]
        assert ["efir_queue_documents" in query for query in queries] == [True, False]
        assert ["efir_queue_oldest_seconds" in query for query in queries] == [False, True]
        for query in queries:
            assert all(f'"{metric}"' in catalogue for metric in re.findall(r"efir_\w+", query))
            (stages,) = set(re.findall(r'stage=~"([\w|]+)"', query))
            assert set(stages.split("|")) == {*STAGES}


def test_nothing_talks_to_anything_but_what_is_named(objects: list[dict[str, Any]]) -> None:
    policies = {each["metadata"]["name"]: each["spec"] for each in of(objects, "NetworkPolicy")}
    assert policies["nothing"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    for name, pod, labels in pods(objects):
        own = [each for each in policies.values() if each["podSelector"] and selects(each["podSelector"], labels)]
        kinds = {kind for each in own for kind in each["policyTypes"]}
        assert ("Ingress" in kinds) == bool(pod["containers"][0].get("ports")), name
        assert ("Egress" in kinds) == (labels[COMPONENT] in ROLES), name
    # No rule without a peer, and none without ports: either would mean everybody, or everything.
    for each in policies.values():
        for rule in [*each.get("ingress", []), *each.get("egress", [])]:
            assert rule["ports"] and (rule.get("from") or rule.get("to"))


def test_only_feeds_reach_the_internet_and_no_private_network() -> None:
    import ipaddress

    (internet,) = [
        each
        for each in of(kustomized(KUBERNETES / "base"), "NetworkPolicy")
        if any("ipBlock" in peer for rule in each["spec"].get("egress", []) for peer in rule["to"])
    ]
    assert internet["spec"]["podSelector"]["matchLabels"] == {COMPONENT: "feeds"}
    (rule,) = internet["spec"]["egress"]
    assert sorted(port["port"] for port in rule["ports"]) == [80, 443]

    def is_open(address: str) -> bool:
        asked = ipaddress.ip_address(address)
        return any(
            asked in ipaddress.ip_network(peer["ipBlock"]["cidr"])
            and not any(asked in ipaddress.ip_network(each) for each in peer["ipBlock"]["except"])
            for peer in rule["to"]
        )

    assert all(is_open(address) for address in ("8.8.8.8", "91.198.36.14", "2a00:1450:4001::1"))
    private = (
        "10.1.2.3 172.20.0.1 192.168.1.1 127.0.0.1 169.254.169.254 100.64.0.1 224.0.0.1 0.0.0.0 ::1 fd00::1 fe80::1"
    )
    assert not [address for address in private.split() if is_open(address)]


def test_rules_and_dashboards_are_those_of_prometheus_and_grafana() -> None:
    hint = "run python -m deploy.kubernetes.generate"
    assert generate.RULES.read_text() == generate.rules(), hint
    assert generate.DASHBOARDS.read_text() == generate.dashboards(), hint
    boards = [
        each
        for each in of(kustomized(KUBERNETES / "example"), "ConfigMap")
        if "settings" not in each["metadata"]["name"]
    ]
    assert len(boards) == len(list((REPOSITORY / "deploy" / "grafana" / "dashboards").glob("*.json"))) > 0
    for board in boards:
        assert board["metadata"]["labels"]["grafana_dashboard"] == "1"
        assert sum(map(len, board["data"].values())) < 1_000_000  # Kubernetes takes 1 MiB


def test_monitors_give_jobs_the_names_that_the_rules_know() -> None:
    monitors = of(kustomized(KUBERNETES / "example"), "PodMonitor", "ServiceMonitor")
    given = {
        relabeling["replacement"]
        for each in monitors
        for point in each["spec"].get("podMetricsEndpoints") or each["spec"]["endpoints"]
        for relabeling in point["relabelings"]
        if relabeling["targetLabel"] == "job"
    }
    prometheus = (REPOSITORY / "deploy" / "prometheus" / "prometheus.yml").read_text()
    assert given == set(re.findall(r"job_name: (efir-\w+)", prometheus))

"""Variables and annotations that several dashboards have."""

from __future__ import annotations

from deploy.grafana.boards.parts import annotation, variable
from deploy.grafana.boards.queries import appeared

STAGE = variable("stage", "Stage", "label_values(efir_queue_messages, stage)", multi=False)
LANE = variable("lane", "Lane", "label_values(efir_queue_messages, lane)")
INSTANCE = variable("instance", "Instance", "label_values(efir_build_info, instance)")

DEPLOYS = annotation("Deploys", appeared("version", "efir_build_info"), "Efir {{version}} runs", "blue")
MODELS = annotation(
    "Models", appeared("stage, fingerprint", "efir_model_info"), "{{stage}}: model {{fingerprint}}", "purple"
)
CAMPAIGNS = annotation(
    "Campaigns", appeared("campaign", "efir_campaign_planned_documents"), "Campaign {{campaign}}", "orange"
)
ANNOTATIONS = (DEPLOYS, MODELS, CAMPAIGNS)

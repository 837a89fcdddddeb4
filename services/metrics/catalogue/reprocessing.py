"""How far are the campaigns?"""

from __future__ import annotations

from services.metrics.forms import Section

_section = Section(
    "How far are the campaigns?",
    "Campaigns under way, the 20 newest; one that is done or cancelled is not exported any more. Read from the store "
    "every EFIR_EXPORTER_SECONDS.",
)
campaigns = _section.reading("efir_campaigns", "Campaigns under way, by status.", ["status"])
campaign_planned = _section.reading("efir_campaign_planned_documents", "Documents of its plan.", ["campaign"])
campaign_done = _section.reading("efir_campaign_done_documents", "Documents that are done.", ["campaign"])
campaign_failed = _section.reading("efir_campaign_failed_documents", "Documents that were quarantined.", ["campaign"])
campaign_remaining = _section.reading("efir_campaign_remaining_documents", "Documents still to do.", ["campaign"])
campaign_rate = _section.reading(
    "efir_campaign_documents_per_second", "Documents that came to an end, mean of the last minute.", ["campaign"]
)
campaign_created = _section.reading(
    "efir_campaign_created_timestamp_seconds", "When it was asked for, Unix time.", ["campaign"]
)
campaign_updated = _section.reading(
    "efir_campaign_updated_timestamp_seconds",
    "When the dispatcher last wrote down how far it is, Unix time.",
    ["campaign"],
)

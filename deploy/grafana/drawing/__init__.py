"""Pictures of the dashboards, drawn from the results of their own queries where no Grafana runs."""

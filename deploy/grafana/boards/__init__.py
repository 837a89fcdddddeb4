"""The dashboards, one module each. `BOARDS` is what is generated and provisioned, in the order of a look around."""

from deploy.grafana.boards import content, dependencies, ingest, overview, reprocessing, stage

BOARDS = (overview.board, stage.board, ingest.board, reprocessing.board, dependencies.board, content.board)

"""Every metric, a module a question."""

"""Model bundles: what they hold, loading, training, evaluation."""

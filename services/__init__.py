"""What runs: the broker, the workers, admission, the command line. Thin: what happens to a text is in pipeline/."""

"""What happens to a transcript. Nothing in this package knows of queues, brokers or web frameworks."""

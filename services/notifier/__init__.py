"""notifier: tells people, once. Consumes `submission.stored`."""

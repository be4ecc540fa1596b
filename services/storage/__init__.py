"""storage: the keeper of the record. Consumes `submission.created` and every event for the journey."""

"""indexer: makes documents findable. Consumes `document.stored`, then what it and storage tell of the outcome."""

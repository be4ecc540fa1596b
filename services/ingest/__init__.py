"""ingest: the public door. Validates, holds the suspicious, streams files to the object store, and accepts."""

"""The search index behind one protocol, with two implementations: tantivy (embedded) and Meilisearch."""

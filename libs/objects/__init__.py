"""The object store: originals as visitors sent them, and the texts read from them. One implementation: generic S3."""

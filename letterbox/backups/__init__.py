"""Backups: one is taken, checked, put back and proven; see docs/howto/backup-and-restore.md."""

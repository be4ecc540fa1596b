-- When the id of an erased submission was copied to where the backups are: with backups elsewhere, a receipt is final
-- only then, because a restored backup must not bring back what was erased after it.

alter table erasures add column copied_at timestamptz;

-- Erasures: what is left of an erased submission is its id, when and why, and who removed how much. No personal data.

create table erasures (
    submission_id       text primary key,
    reason              text not null,
    requested_at        timestamptz not null default now(),
    tombstone_sequence  bigint not null,
    done                jsonb not null default '{}',
    final_at            timestamptz
);

create index erasures_open on erasures (requested_at) where final_at is null;
create index contact_submissions_sequence on contact_submissions (sequence);

create view search_erasures as
select submission_id as contact_id, reason, requested_at, done, final_at from erasures;

create view search_decisions as
select distinct on (submission_id)
    submission_id as contact_id,
    case type when 'submission.released' then 'released' else 'rejected' end as decision,
    time as decided_at
from journey
where type in ('submission.released', 'submission.rejected')
order by submission_id, sequence;

-- How far the ledger's check has come in EVENTS: everything before it was complete.
create table ledger_position (
    only_row  boolean primary key default true check (only_row),
    sequence  bigint not null
);

insert into ledger_position (sequence) values (0);

-- The record of what was sent. Rows are facts of submission.created and never change.

create table contact_submissions (
    id          text primary key check (id ~ '^[0-9a-f]{32}$'),
    form        text not null,
    name        text not null,
    email       text not null,
    subject_line text not null,
    message     text not null,
    metadata    jsonb not null,
    held        text,
    created_at  timestamptz not null,
    sequence    bigint not null,  -- where EVENTS keeps it
    recorded_at timestamptz not null default now()
);

create index contact_submissions_created_at on contact_submissions (created_at desc);
create index contact_submissions_email on contact_submissions (lower(email));

create table documents (
    id            text primary key,  -- <submission id>-<number>; number 0 is the message itself
    submission_id text not null references contact_submissions on delete cascade,
    number        text not null,
    object_key    text,
    filename      text not null,
    content_type  text not null,
    size          bigint not null,
    sha256        text,
    created_at    timestamptz not null,
    unique (submission_id, number)
);

-- What later events told of a document. Apart from `documents`, because no order is assumed between events:
-- a state may arrive before its document does (a replay), and only ever moves forward by (generation, rank).
create table document_states (
    document_id        text primary key,
    submission_id      text not null,
    generation         int not null,
    rank               smallint not null,
    status             text not null check (status in ('stored', 'extracted', 'indexed', 'failed')),
    reason             text,
    details_generation int not null default 0,
    details            jsonb not null default '{}'
);

create index document_states_submission on document_states (submission_id);

-- Every event that happened to a submission; outlives the stream.
create table journey (
    sequence      bigint primary key,
    submission_id text not null,
    type          text not null,
    document_id   text,
    target        text,
    reason        text,
    time          timestamptz not null
);

create index journey_submission on journey (submission_id, sequence);

-- The notifier's ledger, the only table it may touch.
create table sent_mails (
    submission_id text not null,
    target        text not null,
    state         text not null check (state in ('sending', 'sent', 'failed', 'uncertain')),
    attempts      int not null default 0,
    provider_id   text,
    reason        text,
    started_at    timestamptz not null default now(),
    settled_at    timestamptz,
    primary key (submission_id, target)
);

-- What other services may see. search reads through views named for it; notifier has its own ledger and nothing else.

create view search_documents as
select
    d.id                                             as document_id,
    d.submission_id                                  as contact_id,
    d.number,
    d.filename,
    d.content_type,
    d.size,
    d.sha256,
    d.object_key,
    case
        when d.number = '0' then 'message'
        else coalesce(s.details ->> 'document_type', 'document')
    end                                              as document_type,
    coalesce(s.status, 'stored')                     as status,
    s.reason,
    coalesce(
        array(select jsonb_array_elements_text(s.details -> 'tags')), '{}'
    )                                                as tags,
    coalesce(s.details ->> 'language', '')           as language,
    coalesce(s.details ->> 'extractor', '')          as extractor,
    coalesce((s.details ->> 'ocr')::boolean, false)  as ocr,
    coalesce((s.details ->> 'pages')::int, 0)        as pages,
    coalesce((s.details ->> 'characters')::int, 0)   as characters,
    coalesce(s.generation, 1)                        as generation,
    d.created_at
from documents d
left join document_states s on s.document_id = d.id;

create view search_submissions as
select
    id as contact_id,
    form,
    name,
    email,
    subject_line,
    message,
    metadata,
    held,
    created_at
from contact_submissions;

create view search_journey as
select submission_id as contact_id, sequence, type, document_id, target, reason, time
from journey;

-- Who may use them is in deploy/rights.toml; services/storage/grants.py grants it after the migrations.

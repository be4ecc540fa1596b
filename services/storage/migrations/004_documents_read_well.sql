-- What is known of a document beyond its status: the virus scanner's outcome, pictures of its pages, changed tags.

alter table document_states
    add column scan               text not null default '',  -- '' not scanned, clean, infected, too large
    add column scan_generation    int not null default 0,
    add column preview_pages      int not null default 0,
    add column preview_width      int not null default 0,    -- of the first page's picture, in pixels
    add column preview_height     int not null default 0,
    add column preview_generation int not null default 0,
    add column tags_revision      int not null default 0,    -- 0: as they were given when it was read
    add column tags_generation    int not null default 0,    -- the reading that they were given to
    add column tagged             jsonb not null default '{}';

create or replace view search_documents as
select
    d.id                                             as document_id,
    d.submission_id                                  as contact_id,
    d.number,
    coalesce(nullif(d.filename, ''), 'file')         as filename,
    d.content_type,
    d.size,
    d.sha256,
    d.object_key,
    case
        when d.number = '0' then 'message'
        else coalesce(t.said ->> 'document_type', 'document')
    end                                              as document_type,
    coalesce(s.status, 'stored')                     as status,
    s.reason,
    coalesce(
        array(select jsonb_array_elements_text(t.said -> 'tags')), '{}'
    )                                                as tags,
    coalesce(s.details ->> 'language', '')           as language,
    coalesce(s.details ->> 'extractor', '')          as extractor,
    coalesce((s.details ->> 'ocr')::boolean, false)  as ocr,
    coalesce((s.details ->> 'pages')::int, 0)        as pages,
    coalesce((s.details ->> 'characters')::int, 0)   as characters,
    coalesce(s.generation, 1)                        as generation,
    d.created_at,
    coalesce(s.scan, '')                             as scan,
    coalesce(s.preview_pages, 0)                     as preview_pages,
    (s.details ->> 'quality')::real                  as quality,
    s.details ->> 'text_key'                         as text_key,
    coalesce(s.details ->> 'note', '')               as note,
    coalesce(s.preview_width, 0)                     as preview_width,
    coalesce(s.preview_height, 0)                    as preview_height
from documents d
left join document_states s on s.document_id = d.id
left join lateral (
    -- Changed tags count for the reading that they were given to, and not for a later one, which has its own.
    select case when s.tags_generation >= s.details_generation and s.tags_revision > 0
           then s.tagged else s.details end as said
) t on true;

-- What people look at: versions page by page, one version's tests, accuracy over time, each species over versions.
-- The functions run with the caller's own rights, so row-level security decides: an admin reads, nobody else sees a row.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

-- Sorted both ways: what is not known comes last, or first when the order is turned round.
create index if not exists model_versions_path on public.model_versions (file_path, version_name);
create index if not exists model_versions_accuracy
  on public.model_versions (accuracy_score desc nulls last, version_name);
create index if not exists model_versions_images
  on public.model_versions (training_image_count desc nulls last, version_name);
-- As people count: v1.10.0 after v1.9.0, v1.0.0 after v1.0.0-rc.1. Each number gets zeros in front, and keeps nine digits.
create index if not exists model_versions_counted on public.model_versions ((
  regexp_replace(regexp_replace(version_name, '(\d+)', '00000000\1', 'g'), '\d*(\d{9})', '\1', 'g') || '~'
) collate "C", version_name);

-- Whether a version was ever active anywhere; its deployments are too many to be asked for every version of a list.
alter table public.model_versions add column if not exists deployed boolean not null default false;
create or replace function lepinet.note_deployed() returns trigger
  language plpgsql set search_path = '' as $$
begin
  update public.model_versions v set deployed = true where v.id = new.version_id and not v.deployed;
  return null;
end
$$;
revoke all on function lepinet.note_deployed() from public, anon, authenticated, service_role;
drop trigger if exists lepinet_note_deployed on public.model_deployments;
create trigger lepinet_note_deployed after insert or update of status on public.model_deployments
  for each row when (new.status = 'succeeded') execute function lepinet.note_deployed();
update public.model_versions v set deployed = true
  where exists (select from public.model_deployments d where d.version_id = v.id and d.status = 'succeeded');

-- A known-image test holds every answer, megabytes of them; what many tests are asked for at once stands beside them.
alter table public.model_performance_logs
  add column if not exists known_images_sha256 text,
  add column if not exists species jsonb;
comment on column public.model_performance_logs.species is
  'Of a known-image test: id → [name, named right, known images], counted from details.';
create index if not exists model_performance_logs_newest
  on public.model_performance_logs (model_version_id, coalesce(test_date, '-infinity') desc, id desc);
create index if not exists model_performance_logs_tests on public.model_performance_logs (test_date desc)
  where kind = 'known-images' and species is not null;

create or replace function lepinet.count_species() returns trigger
  language plpgsql set search_path = '' as $$
begin
  if new.kind is distinct from 'known-images' then
    return new;
  end if;
  new.known_images_sha256 := new.details ->> 'known_images_sha256';
  -- Whatever stands in details, by a hand too: what is no answer is passed over.
  select jsonb_object_agg(s.id, jsonb_build_array(coalesce(s.name, s.id), s.right, s.images)) into new.species
    from (
      select a ->> 'expected_id' as id, min(a ->> 'expected_name') as name, count(*) as images,
        count(*) filter (where a -> 'top' -> 0 ->> 'id' = a ->> 'expected_id') as right
      from jsonb_path_query(new.details, '$.answers[*]') a
      where a ->> 'expected_id' is not null group by 1) s;
  return new;
end
$$;
revoke all on function lepinet.count_species() from public, anon, authenticated, service_role;
drop trigger if exists lepinet_count_species on public.model_performance_logs;
create trigger lepinet_count_species before insert or update of kind, details on public.model_performance_logs
  for each row execute function lepinet.count_species();
update public.model_performance_logs set details = details where kind = 'known-images';

create or replace function public.stored_answers(version_name text, known_images_sha256 text) returns jsonb
  language sql stable set search_path = '' as $$
  select p.details from public.model_performance_logs p
  where p.model_version_id = (select v.id from public.model_versions v where v.version_name = stored_answers.version_name)
    and p.kind = 'known-images' and p.known_images_sha256 = stored_answers.known_images_sha256
  order by p.test_date desc limit 1
$$;

-- A page of versions, each with the one that was logged before it, and how many there are in all; or the one that is named.
-- `declared` are the names in models.yaml, which tells candidates from what trainers have logged beside it; those without
-- a row come by themselves, in no page. Planned for what is asked; without sorting, where an index has the order: of rows
-- that a policy guards the planner expects so few that it would read all of them.
create or replace function public.model_version_page(
  declared text[] default '{}', version_name text default null, search text default null, status text default null,
  sort text default 'created', descending boolean default true, skip integer default 0, page integer default 50
) returns jsonb
  language plpgsql stable set search_path = '' set plan_cache_mode = 'force_custom_plan' set enable_sort = off as $$
declare
  live text[] := (select coalesce(array_agg(a.version_name), '{}') from public.active_model a);
  -- As the indexes have it: figures and times from the top, names from the beginning.
  forth boolean := model_version_page.descending = (model_version_page.sort in ('accuracy', 'images', 'created'));
begin
  return (
    with chosen as not materialized (
      select v as row, v.*,
        regexp_replace(regexp_replace(v.version_name, '(\d+)', '00000000\1', 'g'), '\d*(\d{9})', '\1', 'g') || '~' as counted,
        case
          when v.version_name = any (live) then 'active'
          when v.deployed or v.activated_at is not null then 'deployed'
          when v.version_name = any (declared) then 'candidate'
          else 'proposal'
        end as stands
      from public.model_versions v
      where (model_version_page.version_name is null or v.version_name = model_version_page.version_name)
        and (model_version_page.search is null
          or strpos(lower(concat_ws(' ', v.version_name, v.file_path, v.notes)), lower(model_version_page.search)) > 0)
        -- What `stands` cannot be otherwise, said so that an index finds it.
        and (model_version_page.status is distinct from 'active' or v.version_name = any (live))
        and (model_version_page.status is distinct from 'candidate' or v.version_name = any (declared))
    ), asked as not materialized (
      select * from chosen c where model_version_page.status is null or c.stands = model_version_page.status
    )
    select jsonb_build_object(
      'total', (select count(*) from asked),
      'versions', (
        select coalesce(jsonb_agg(to_jsonb(shown.row) || jsonb_build_object('status', shown.stands, 'active_in', (
            select coalesce(jsonb_agg(m.environment), '[]') from public.active_model m
            where m.version_name = shown.version_name), 'before', (
            select w.version_name from public.model_versions w where w.created_at < shown.created_at
            order by w.created_at desc nulls last, w.version_name limit 1))), '[]')
        from (
          select * from asked a
          order by
            case when forth and sort = 'version' then a.counted end collate "C",
            case when forth and sort = 'path' then a.file_path end,
            case when forth and sort = 'status' then a.stands end,
            case when forth and sort = 'accuracy' then a.accuracy_score end desc nulls last,
            case when forth and sort = 'images' then a.training_image_count end desc nulls last,
            case when forth and sort = 'created' then a.created_at end desc nulls last,
            case when forth then a.version_name end,
            case when not forth and sort = 'version' then a.counted end collate "C" desc,
            case when not forth and sort = 'path' then a.file_path end desc,
            case when not forth and sort = 'status' then a.stands end desc,
            case when not forth and sort = 'accuracy' then a.accuracy_score end nulls first,
            case when not forth and sort = 'images' then a.training_image_count end nulls first,
            case when not forth and sort = 'created' then a.created_at end nulls first,
            case when not forth then a.version_name end desc
          limit least(greatest(page, 1), 200) offset greatest(skip, 0)) shown),
      'unregistered', (
        select coalesce(jsonb_agg(d.name order by d.place), '[]') from unnest(declared) with ordinality d (name, place)
        where not exists (select from public.model_versions v where v.version_name = d.name))));
end
$$;

-- A version's tests, newest first, without their answers; `before` is the last one already seen.
create or replace function public.performance_history(version_name text, before uuid default null, page integer default 20)
  returns jsonb
  language plpgsql stable set search_path = '' set plan_cache_mode = 'force_custom_plan' as $$
declare
  tested uuid := (select v.id from public.model_versions v where v.version_name = performance_history.version_name);
  seen timestamptz := (
    select coalesce(p.test_date, '-infinity') from public.model_performance_logs p where p.id = performance_history.before);
begin
  return (
    select coalesce(jsonb_agg(to_jsonb(shown) order by shown.at desc, shown.id desc), '[]') from (
      select p.id, p.environment, p.kind, p.test_date, p.test_accuracy, p.test_sample_size, p.top3_accuracy, p.notes,
        p.commit_sha, p.known_images_sha256, coalesce(p.test_date, '-infinity') as at
      from public.model_performance_logs p
      where p.model_version_id = tested
        and (seen is null or (coalesce(p.test_date, '-infinity'), p.id) < (seen, performance_history.before))
      order by coalesce(p.test_date, '-infinity') desc, p.id desc limit least(greatest(page, 1), 100)) shown);
end
$$;

-- What the monitor measured in an environment, oldest first; of more runs than `points`, the last one of each of so many
-- spans of equal length.
create or replace function public.monitored_accuracy(environment text, points integer default 200) returns jsonb
  language plpgsql stable set search_path = '' set plan_cache_mode = 'force_custom_plan' as $$
declare
  most integer := least(greatest(points, 2), 500);
  few boolean;
  first timestamptz;
  last timestamptz;
begin
  select count(*) <= most, min(newest.test_date), max(newest.test_date) into few, first, last from (
    select p.test_date from public.model_performance_logs p
    where p.environment = monitored_accuracy.environment and p.kind = 'monitor' and isfinite(p.test_date)
    order by p.test_date desc limit most + 1) newest;
  if not few then
    select p.test_date into first from public.model_performance_logs p
      where p.environment = monitored_accuracy.environment and p.kind = 'monitor' and isfinite(p.test_date)
      order by p.test_date limit 1;
    few := first = last;
  end if;
  return (
    select coalesce(jsonb_agg(jsonb_build_object('at', run.test_date, 'version', (
        select v.version_name from public.model_versions v where v.id = run.model_version_id),
        'accuracy', run.test_accuracy, 'sample_size', run.test_sample_size) order by run.test_date), '[]')
    from (
      select newest.* from (
        select * from public.model_performance_logs p
        where few and p.environment = monitored_accuracy.environment and p.kind = 'monitor' and isfinite(p.test_date)
        order by p.test_date desc limit most) newest
      union all
      select thinned.* from generate_series(1, case when few then 0 else most end) span
      cross join lateral (
        select * from public.model_performance_logs p
        where p.environment = monitored_accuracy.environment and p.kind = 'monitor'
          and p.test_date > last - (most - span + 1) * ((last - first) / (most - 1))
          and p.test_date <= last - (most - span) * ((last - first) / (most - 1))
        order by p.test_date desc limit 1) thinned) run
    where run.model_version_id is not null);
end
$$;

-- How many known images of each species the versions tested last named right; a page of species, all of these versions.
create or replace function public.species_recall(
  versions integer default 8, search text default null, sort text default 'recall', skip integer default 0,
  page integer default 24
) returns jsonb
  language sql stable set search_path = '' as $$
  with newest as (
    select p.model_version_id, p.id, p.test_date from public.model_performance_logs p
    where p.kind = 'known-images' and p.species is not null and isfinite(p.test_date)
    order by p.test_date desc limit 100
  ), last as (
    select distinct on (n.model_version_id) * from newest n order by n.model_version_id, n.test_date desc
  ), tests as materialized (
    select row_number() over (order by l.test_date desc) as place, v.version_name, p.environment, p.test_date,
      p.known_images_sha256, p.species
    from (select * from last order by test_date desc limit least(greatest(versions, 1), 20)) l
    join public.model_performance_logs p on p.id = l.id join public.model_versions v on v.id = l.model_version_id
  ), found as materialized (
    select s.key as id, (array_agg(s.value ->> 0 order by t.place))[1] as name,
      jsonb_object_agg(t.place - 1, jsonb_build_array(s.value -> 1, s.value -> 2)) as counts,
      (array_agg((s.value ->> 1)::double precision / (s.value ->> 2)::double precision order by t.place))[1] as recall
    from tests t, jsonb_each(t.species) s
    where search is null or strpos(lower(concat_ws(' ', s.key, s.value ->> 0)), lower(search)) > 0
    group by s.key
  )
  select jsonb_build_object(
    'tests', (
      select coalesce(jsonb_agg(jsonb_build_object('version', t.version_name, 'environment', t.environment, 'at', t.test_date,
        'known_images_sha256', t.known_images_sha256) order by t.place), '[]') from tests t),
    'total', (select count(*) from found),
    'species', (
      select coalesce(jsonb_agg(jsonb_build_object('id', f.id, 'name', f.name, 'counts', f.counts) order by f.place), '[]')
      from (
        select *, row_number() over () as place from (
          select * from found
          order by case when sort = 'recall' then recall end nulls last, case when sort = 'name' then lower(name) end, id
          limit least(greatest(page, 1), 200) offset greatest(skip, 0)) ordered) f))
$$;

do $$
declare
  f regprocedure;
begin
  foreach f in array array[
    'public.stored_answers(text, text)',
    'public.model_version_page(text[], text, text, text, text, boolean, integer, integer)',
    'public.performance_history(text, uuid, integer)',
    'public.monitored_accuracy(text, integer)',
    'public.species_recall(integer, text, text, integer, integer)']::regprocedure[]
  loop
    execute format('revoke all on function %s from public, anon, authenticated, service_role', f);
    execute format('grant execute on function %s to authenticated, service_role', f);
  end loop;
end
$$;

notify pgrst, 'reload schema';

-- What a version said of other photos stays: beside its last test, which photos the tests before it were made on.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

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
    select row_number() over (order by l.test_date desc) as place, l.model_version_id, v.version_name, p.environment,
      p.test_date, p.known_images_sha256, p.species
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
        'known_images_sha256', t.known_images_sha256, 'earlier', (
          select coalesce(jsonb_agg(e.photos order by e.at desc), '[]')
          from (
            select p.known_images_sha256 as photos, max(p.test_date) as at from public.model_performance_logs p
            where p.model_version_id = t.model_version_id and p.kind = 'known-images' and p.species is not null
              and isfinite(p.test_date) and p.known_images_sha256 <> t.known_images_sha256
            group by p.known_images_sha256 order by max(p.test_date) desc limit 4) e)) order by t.place), '[]') from tests t),
    'total', (select count(*) from found),
    'species', (
      select coalesce(jsonb_agg(jsonb_build_object('id', f.id, 'name', f.name, 'counts', f.counts) order by f.place), '[]')
      from (
        select *, row_number() over () as place from (
          select * from found
          order by case when sort = 'recall' then recall end nulls last, case when sort = 'name' then lower(name) end, id
          limit least(greatest(page, 1), 200) offset greatest(skip, 0)) ordered) f))
$$;

notify pgrst, 'reload schema';

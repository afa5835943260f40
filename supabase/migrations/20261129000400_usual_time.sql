-- A time that is no time a photo can take, which a monitor's key may log, is passed over instead of stopping every run.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

create or replace function lepinet.last_monitor_run(environment text) returns jsonb
  language sql stable set search_path = '' as $$
  select jsonb_build_object(
    'version', v.version_name,
    'seconds_ago', extract(epoch from clock_timestamp() - p.test_date),
    'whole_seconds_ago', (
      select extract(epoch from clock_timestamp() - w.test_date) from public.model_performance_logs w
      where w.environment = p.environment and w.kind = 'monitor' and w.test_date > p.test_date - interval '2 days'
        and w.details -> 'whole' = 'true'
      order by w.test_date desc limit 1),
    'usual_ms', (
      select case when count(timed.ms) >= 5 then percentile_cont(0.5) within group (order by timed.ms) end
      from (
        -- `numeric` holds whatever JSON does; a double does not.
        select case when (t.details ->> 'median_ms')::numeric between 0.001 and 86400000
            then (t.details ->> 'median_ms')::double precision end as ms
        from public.model_performance_logs t
        where t.model_version_id = p.model_version_id and t.kind = 'monitor' and t.environment = p.environment
          and t.test_date > p.test_date - interval '30 days'
          and jsonb_typeof(t.details -> 'median_ms') = 'number'
        order by t.test_date desc limit 30) timed),
    'notes', p.notes,
    'details', p.details)
  from (
    select * from public.model_performance_logs l
    where l.environment = last_monitor_run.environment and l.kind = 'monitor'
    order by l.test_date desc limit 1) p
  join public.model_versions v on v.id = p.model_version_id
$$;

notify pgrst, 'reload schema';

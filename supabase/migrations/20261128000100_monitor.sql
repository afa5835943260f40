-- What the monitor needs, with no more than its own right: what a version was tested to say, and how the last run ended.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

-- What the version said of the known images when it was activated: here, else where it was activated last.
create or replace function lepinet.tested_answers(version_name text, environment text) returns jsonb
  language plpgsql stable security definer set search_path = '' as $$
begin
  perform lepinet.require_user_role('monitor');
  return (
    select p.details from public.model_performance_logs p
    join public.model_versions v on v.id = p.model_version_id
    where v.version_name = tested_answers.version_name and p.kind = 'known-images'
    order by (p.environment is not distinct from tested_answers.environment) desc, p.test_date desc limit 1);
end
$$;

create or replace function public.tested_answers(version_name text, environment text) returns jsonb
  language sql stable set search_path = ''
begin atomic
  select lepinet.tested_answers(version_name, environment);
end;

-- The last run of the monitor, null where there never was one; ages by this database's clock. A photo's usual time is the
-- middle of up to 30 runs of 30 days that timed the same version, of at least 5.
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
      select case when count(*) >= 5 then percentile_cont(0.5) within group (order by timed.ms) end
      from (
        select (t.details ->> 'median_ms')::double precision as ms from public.model_performance_logs t
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

create or replace function lepinet.registry_snapshot(environment text, versions text[]) returns jsonb
  language plpgsql stable security definer set search_path = '' as $$
begin
  perform lepinet.require_user_role('admin', 'monitor');
  return lepinet.snapshot(registry_snapshot.environment, registry_snapshot.versions)
    || jsonb_build_object('monitored', lepinet.last_monitor_run(registry_snapshot.environment));
end
$$;

revoke all on function lepinet.last_monitor_run(text) from public, anon, authenticated, service_role;
revoke all on function public.tested_answers(text, text), lepinet.tested_answers(text, text)
  from public, anon, authenticated, service_role;
-- The inner one asks a signed-in user for a role.
grant execute on function public.tested_answers(text, text), lepinet.tested_answers(text, text)
  to authenticated, service_role;

notify pgrst, 'reload schema';

-- So that open pages follow what happens: who listens on this database is told, who cannot listen may look in short.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

-- `<table> <id>`: a listener needs no right, so nothing else is told. Equal notices of one transaction come once.
create or replace function lepinet.tell_listeners() returns trigger
  language plpgsql set search_path = '' as $$
begin
  perform pg_catalog.pg_notify('lepinet', tg_table_name || ' ' || coalesce(to_jsonb(new) ->> tg_argv[0], ''));
  return null;
end
$$;
revoke all on function lepinet.tell_listeners() from public, anon, authenticated, service_role;

drop trigger if exists lepinet_tell_listeners on public.deployment_events;
create trigger lepinet_tell_listeners after insert on public.deployment_events
  for each row execute function lepinet.tell_listeners('deployment_id');
drop trigger if exists lepinet_tell_listeners on public.model_deployments;
create trigger lepinet_tell_listeners after insert or update on public.model_deployments
  for each row execute function lepinet.tell_listeners('id');
-- A lease is renewed every few seconds, which nobody needs to know.
drop trigger if exists lepinet_tell_listeners on public.environments;
create trigger lepinet_tell_listeners after insert or update of active_version_id, pinned_version_id on public.environments
  for each row execute function lepinet.tell_listeners('name');
drop trigger if exists lepinet_tell_listeners on public.model_performance_logs;
create trigger lepinet_tell_listeners after insert on public.model_performance_logs
  for each row execute function lepinet.tell_listeners('id');

-- What is another value as soon as one of these has changed; with the caller's own rights, so it is empty to who may not
-- read. Asked every few seconds: each part is one step in an index.
create or replace function public.registry_pulse() returns jsonb
  language sql stable set search_path = '' as $$
  select jsonb_build_object(
    'environments', (
      select jsonb_agg(jsonb_build_array(e.name, e.active_version_id, e.pinned_version_id, (
        select p.id from public.model_performance_logs p where p.environment = e.name and p.kind = 'monitor'
        order by p.test_date desc limit 1)) order by e.name)
      from public.environments e),
    'deployments', (
      select jsonb_agg(jsonb_build_array(newest.id, newest.status, (
        select count(*) from public.deployment_events v where v.deployment_id = newest.id)))
      from public.environments e cross join lateral (
        select * from public.model_deployments d where d.environment = e.name order by d.number desc limit 2) newest))
$$;
revoke all on function public.registry_pulse() from public, anon, authenticated, service_role;
grant execute on function public.registry_pulse() to authenticated, service_role;

notify pgrst, 'reload schema';

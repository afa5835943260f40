-- Whoever has read ten thousand versions a moment ago need not read them again to know that they are still the same.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

create or replace function lepinet.registry_snapshot(environment text, versions text[], repository text) returns jsonb
  language plpgsql stable security definer set search_path = '' as $$
declare
  -- PostgreSQL counts these for its own housekeeping, and a change after its commit: seconds late at most, never missed.
  rows oid := 'public.model_versions'::regclass;
  changes bigint := pg_stat_get_tuples_inserted(rows) + pg_stat_get_tuples_updated(rows) + pg_stat_get_tuples_deleted(rows);
begin
  perform lepinet.require_user_role('admin', 'monitor');
  perform lepinet.require_repository(registry_snapshot.repository);
  return lepinet.snapshot(registry_snapshot.environment, registry_snapshot.versions)
    || jsonb_build_object('changes', changes, 'monitored', lepinet.last_monitor_run(registry_snapshot.environment));
end
$$;

notify pgrst, 'reload schema';

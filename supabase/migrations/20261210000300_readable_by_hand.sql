-- A hand that changes a row is held to what a new row is: one number such as 1e5000 in details kept every run from reading
-- the registry. Rows that are there already stay as they are.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

create or replace function lepinet.bound_performance() returns trigger
  language plpgsql security definer set search_path = '' as $$
begin
  perform lepinet.require_size('environment', case when new.environment is distinct from old.environment then new.environment end, 200);
  perform lepinet.require_size('kind', case when new.kind is distinct from old.kind then new.kind end, 200);
  perform lepinet.require_size('commit_sha', case when new.commit_sha is distinct from old.commit_sha then new.commit_sha end, 200);
  perform lepinet.require_size('notes', case when new.notes is distinct from old.notes then new.notes end, 65536);
  perform lepinet.require_size('details', case when new.details is distinct from old.details then new.details end,
    case when new.kind = 'monitor' then 262144 else 16777216 end);
  return new;
end
$$;
revoke all on function lepinet.bound_performance() from public, anon, authenticated, service_role;
drop trigger if exists lepinet_bound on public.model_performance_logs;
create trigger lepinet_bound before insert or update of environment, kind, commit_sha, notes, details on public.model_performance_logs
  for each row execute function lepinet.bound_performance();

notify pgrst, 'reload schema';

-- Another repository's checkout could lift a pin of this one: two projects' keys are easily mixed up.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

drop function if exists public.unpin(text, text);
-- `repository` is main's first commit; null is the SQL editor, which can mean no other database.
create or replace function public.unpin(environment text, reason text, repository text default null) returns jsonb
  language plpgsql security definer set search_path = '' as $$
declare
  e public.environments := lepinet.lock_environment(unpin.environment);
begin
  perform lepinet.require_repository(e, unpin.repository);
  if coalesce(unpin.reason, '') !~ '\S' then
    perform lepinet.refuse('PT400', 'unpin needs a reason');
  end if;
  if e.pinned_version_id is not null then
    perform lepinet.note_pin_ends(e.name, unpin.reason);
  end if;
  return lepinet.snapshot(e.name);
end
$$;
revoke all on function public.unpin(text, text, text) from public, anon, authenticated, service_role;
grant execute on function public.unpin(text, text, text) to service_role;

notify pgrst, 'reload schema';

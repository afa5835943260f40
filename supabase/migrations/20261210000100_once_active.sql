-- Whether a version was ever active counts from when it is: what the SQL editor's emergency activates is proved by a later
-- run, or never, and was taken for one that had not been anywhere yet.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

create or replace function lepinet.note_deployed() returns trigger
  language plpgsql set search_path = '' as $$
begin
  update public.model_versions v set deployed = true where v.id = new.active_version_id and not v.deployed;
  return null;
end
$$;
revoke all on function lepinet.note_deployed() from public, anon, authenticated, service_role;
drop trigger if exists lepinet_note_deployed on public.model_deployments;
drop trigger if exists lepinet_note_deployed on public.environments;
create trigger lepinet_note_deployed after insert or update of active_version_id on public.environments
  for each row when (new.active_version_id is not null) execute function lepinet.note_deployed();
update public.model_versions v set deployed = true
  where not v.deployed and (
    exists (select from public.environments e where e.active_version_id = v.id)
    or exists (select from public.model_deployments d where d.version_id = v.id and d.flipped_at is not null));

notify pgrst, 'reload schema';

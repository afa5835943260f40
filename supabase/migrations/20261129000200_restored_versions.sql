-- A version's row that somebody changed by hand gets back what models.yaml on main says: a merged version never changes.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

create or replace function public.restore_model_version(
  environment text, claimant uuid, version_name text, file_path text, revision text
) returns void
  language plpgsql security definer set search_path = '' as $$
declare
  e public.environments := lepinet.lock_environment(restore_model_version.environment);
  restored_id uuid := lepinet.version_id(restore_model_version.version_name);
  was public.model_versions;
begin
  perform lepinet.require_claim(e, restore_model_version.claimant);
  select * into was from public.model_versions v where v.id = restored_id for update;
  if (was.file_path, was.revision) is distinct from (restore_model_version.file_path, restore_model_version.revision) then
    update public.model_versions v
      set file_path = restore_model_version.file_path, revision = restore_model_version.revision
      where v.id = restored_id;
    perform lepinet.note(e.name, 'mend', format('the row of %s said %s @ %s, models.yaml says %s @ %s', was.version_name,
      was.file_path, coalesce(was.revision, 'no revision'), restore_model_version.file_path, restore_model_version.revision));
  end if;
end
$$;
revoke all on function public.restore_model_version(text, uuid, text, text, text) from public, anon, authenticated, service_role;
grant execute on function public.restore_model_version(text, uuid, text, text, text) to service_role;

notify pgrst, 'reload schema';

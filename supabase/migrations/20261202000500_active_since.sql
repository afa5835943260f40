-- An environment whose version a hand had marked knows since when it is active from its first deployment on.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

-- Makes a version the environment's active one. The table lock keeps two environments from mirroring at once; writers of
-- rows wait, readers do not.
create or replace function lepinet.flip(environment text, version_id uuid) returns void
  language plpgsql set search_path = '' as $$
begin
  lock table public.model_versions in share row exclusive mode;
  -- What a hand has marked stays the last environment's, though another one is deployed first.
  update public.environments e set active_version_id = v.id, activated_at = v.activated_at
    from public.model_versions v
    where v.is_active and e.active_version_id is null and e.name = lepinet.mirrored_environment() and e.name <> flip.environment;
  update public.environments e set
      active_version_id = flip.version_id,
      activated_at = case
        when e.active_version_id is distinct from flip.version_id or e.activated_at is null then clock_timestamp()
        else e.activated_at end
    where e.name = flip.environment;
  if flip.environment = lepinet.mirrored_environment() then
    perform lepinet.mirror(flip.version_id);
  end if;
end
$$;

notify pgrst, 'reload schema';

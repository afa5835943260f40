-- The mirrored environment's first deployment says since when its version is active, also where a hand had marked it.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

create or replace function lepinet.mirror(version_id uuid) returns void
  language plpgsql set search_path = '' as $$
begin
  update public.environments e set activated_at = clock_timestamp()
    where e.active_version_id = mirror.version_id and e.activated_at is null and e.name = lepinet.mirrored_environment();
  update public.model_versions set is_active = false where is_active and id <> mirror.version_id;
  update public.model_versions set is_active = true
    where id = mirror.version_id and (is_active is distinct from true or activated_at is null);
end
$$;

notify pgrst, 'reload schema';

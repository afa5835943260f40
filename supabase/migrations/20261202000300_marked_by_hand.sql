-- Before the first deployment the version that a hand marked is the one that users are served: the last environment's.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

-- The environment whose active version readers of is_active are told: the last in promotion order that has one; where none
-- has one yet and a hand has marked a version, the last.
create or replace function lepinet.mirrored_environment() returns text
  language sql stable set search_path = '' as $$
  select e.name from public.environments e
  where e.place is not null
    and (e.active_version_id is not null or exists (select from public.model_versions v where v.is_active))
  order by e.active_version_id is not null desc, e.place desc limit 1
$$;

-- `limit`: each environment looks up its one row, however many environments the planner takes there to be.
create or replace function lepinet.active_models()
  returns table (environment text, version_name text, file_path text, revision text, activated_at timestamptz)
  language sql stable security definer set search_path = '' as $$
  select e.name, v.version_name, v.file_path, v.revision,
    case when v.id = e.active_version_id then e.activated_at else v.activated_at end
  from public.environments e
  cross join lateral (
    select * from public.model_versions m where m.id = case
      when e.name = lepinet.mirrored_environment() then (select a.id from public.model_versions a where a.is_active)
      else e.active_version_id end
    limit 1) v
  where e.place is not null
$$;

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
      activated_at = case when e.active_version_id is distinct from flip.version_id then clock_timestamp() else e.activated_at end
    where e.name = flip.environment;
  if flip.environment = lepinet.mirrored_environment() then
    perform lepinet.mirror(flip.version_id);
  end if;
end
$$;

notify pgrst, 'reload schema';

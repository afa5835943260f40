-- A registry that was made by hand has an active version before any deployment: readers go on being told which, and when
-- it became active stays unknown until the first deployment says that it is.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

-- Those that a registry has had: what the mirrored environment's first deployment left without a time.
update public.model_versions v set activated_at = e.activated_at from public.environments e
  where v.is_active and v.activated_at is null and e.active_version_id = v.id and e.name = lepinet.mirrored_environment();

-- The environment whose active version readers of is_active are told: the last in promotion order that has one. What was
-- active before any deployment is the last one's, whichever is deployed first.
create or replace function lepinet.mirrored_environment() returns text
  language sql stable set search_path = '' as $$
  select e.name from public.environments e
  where e.place is not null and (e.active_version_id is not null
    or exists (select from public.model_versions v where v.is_active and v.activated_at is null))
  order by e.place desc limit 1
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

create or replace function lepinet.mirror(version_id uuid) returns void
  language plpgsql set search_path = '' as $$
begin
  update public.model_versions set is_active = false where is_active and id <> mirror.version_id;
  update public.model_versions set is_active = true
    where id = mirror.version_id and (is_active is distinct from true or activated_at is null);
end
$$;

create or replace function lepinet.note_activation() returns trigger
  language plpgsql set search_path = '' as $$
begin
  if tg_op = 'INSERT' then
    if new.is_active then
      raise notice 'is_active was stored as false: % becomes active through models.yaml', new.version_name;
    end if;
    new.is_active := false;
  elsif new.is_active and (old.is_active is distinct from true or old.activated_at is null) then
    new.activated_at := clock_timestamp();
  end if;
  return new;
end
$$;
comment on column public.model_versions.activated_at is
  'When it last became active; null when it never was, or only before this registry was LepiNet''s.';

notify pgrst, 'reload schema';

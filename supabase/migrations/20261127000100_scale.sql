-- What a run asks for grows with models.yaml, and not with the years that a registry has seen; each question has its index.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

create index if not exists model_versions_newest on public.model_versions (created_at desc nulls last, version_name);
-- Which names begin alike, whatever the database's collation.
create index if not exists model_versions_name_begins on public.model_versions (version_name text_pattern_ops);
create index if not exists model_deployments_newest on public.model_deployments (begun_at desc, id);
create index if not exists model_deployments_succeeded on public.model_deployments (environment, version_id)
  where status = 'succeeded';

-- All that a plan needs of one environment. `versions` are the names that it asks about, those of models.yaml: beside
-- their rows come those that the environment itself names, and the newest 20 of all others, which wait for models.yaml.
drop function if exists lepinet.snapshot(text);
create or replace function lepinet.snapshot(environment text, versions text[] default '{}') returns jsonb
  language plpgsql stable set search_path = '' as $$
declare
  e public.environments;
  mirrored boolean;
  active text;
  recorded text;
  pinned text;
  named text[];
  since timestamptz;
begin
  select * into e from public.environments where name = snapshot.environment;
  if not found then
    perform lepinet.refuse('PT404', format('this registry has no environment %s', snapshot.environment),
      'lepinet db migrate makes the environments of models.yaml known to it');
  end if;
  recorded := lepinet.version_name(e.active_version_id);
  pinned := lepinet.version_name(e.pinned_version_id);
  mirrored := e.name is not distinct from lepinet.mirrored_environment();
  if mirrored then
    select v.version_name into active from public.model_versions v where v.is_active;
  else
    active := recorded;
  end if;
  named := array_remove(snapshot.versions || array[active, recorded, pinned], null);
  -- The last success but one: what began after it can explain what stands now.
  select d.begun_at into since from public.model_deployments d
    where d.environment = e.name and d.status = 'succeeded' order by d.begun_at desc offset 1 limit 1;
  since := coalesce(since, '-infinity');
  return jsonb_build_object(
    'environment', jsonb_build_object(
      'name', e.name, 'repository', e.repository, 'active', active, 'recorded', recorded,
      'generation', e.generation, 'commit', e.commit_sha,
      'claimant', case when e.lease_until > clock_timestamp() then e.claimant_label end,
      'lease_seconds', greatest(0, coalesce(extract(epoch from e.lease_until - clock_timestamp()), 0)),
      'pinned', pinned, 'pin_reason', e.pin_reason, 'mirrors_is_active', mirrored),
    'versions', (
      select coalesce(jsonb_agg(to_jsonb(v) order by v.created_at, v.version_name), '[]')
      from (
        select * from public.model_versions m where m.version_name = any (named)
        union all
        (select * from public.model_versions m where m.version_name <> all (named)
         order by m.created_at desc nulls last, m.version_name limit 20)) v),
    'deployments', (
      select coalesce(jsonb_agg(lepinet.deployment_json(d.t) order by (d.t).begun_at desc, (d.t).id), '[]')
      from (
        select t from public.model_deployments t where t.environment = e.name and t.begun_at > since
        union all
        select t from public.model_deployments t
          where t.environment = e.name and t.status = 'started' and t.begun_at <= since) d),
    'succeeded', (
      select coalesce(jsonb_agg(v.version_name), '[]') from public.model_versions v
      where v.version_name = any (snapshot.versions) and exists (
        select from public.model_deployments d
        where d.environment = e.name and d.version_id = v.id and d.status = 'succeeded')),
    -- Not `exists`: a common environment's row seems near wherever one begins to read.
    'ever_deployed', (
      select d.id from public.model_deployments d where d.environment = e.name order by d.begun_at desc limit 1) is not null);
end
$$;

drop function if exists public.registry_snapshot(text);
drop function if exists lepinet.registry_snapshot(text);
create or replace function lepinet.registry_snapshot(environment text, versions text[]) returns jsonb
  language plpgsql stable security definer set search_path = '' as $$
begin
  perform lepinet.require_user_role('admin', 'monitor');
  return lepinet.snapshot(registry_snapshot.environment, registry_snapshot.versions);
end
$$;
create or replace function public.registry_snapshot(environment text, versions text[] default '{}') returns jsonb
  language sql stable set search_path = ''
begin atomic
  select lepinet.registry_snapshot(environment, versions);
end;

drop function if exists public.claim(text, text, bigint, text, text, uuid, text, double precision, text, text);
create or replace function public.claim(
  environment text, repository text, generation bigint, commit_sha text, seen_commit text, claimant uuid, claimant_label text,
  lease_seconds double precision, declares text, accept_history text default null, versions text[] default '{}'
) returns jsonb
  language plpgsql security definer set search_path = '' as $$
declare
  e public.environments := lepinet.lock_environment(claim.environment);
  granted boolean;
begin
  perform lepinet.require_repository(e, claim.repository);
  if e.place is null then
    perform lepinet.refuse('PT404', format('%s is no longer an environment of this registry', e.name),
      'lepinet db migrate takes it up again, if models.yaml names it');
  end if;
  if e.commit_sha is distinct from claim.seen_commit
     and not (e.claimant is not distinct from claim.claimant and e.commit_sha = claim.commit_sha) then
    perform lepinet.refuse('PT409', format('another run has just recorded a commit for %s', e.name), 'read again');
  end if;
  if claim.generation < e.generation and claim.accept_history is null then
    perform lepinet.refuse('PT409', format('%s follows a newer commit', e.name), 'superseded');
  end if;
  if e.pinned_version_id = (select v.id from public.model_versions v where v.version_name = claim.declares) then
    perform lepinet.note_pin_ends(e.name, format('commit %s declares %s', left(claim.commit_sha, 7), claim.declares));
  end if;
  if claim.commit_sha <> e.commit_sha and claim.accept_history is not null then
    perform lepinet.note(e.name, 'accept-history',
      format('from %s to %s: %s', left(e.commit_sha, 7), left(claim.commit_sha, 7), claim.accept_history));
  end if;
  granted := e.claimant is null or e.claimant = claim.claimant or e.lease_until <= clock_timestamp();
  update public.environments t set
      generation = claim.generation,
      commit_sha = claim.commit_sha,
      claimant = case when granted then claim.claimant else t.claimant end,
      claimant_label = case when granted then claim.claimant_label else t.claimant_label end,
      claimant_commit = case when granted then claim.commit_sha else t.claimant_commit end,
      lease_until = case when granted then clock_timestamp() + make_interval(secs => claim.lease_seconds) else t.lease_until end
    where t.name = e.name;
  return jsonb_build_object('granted', granted, 'snapshot', lepinet.snapshot(e.name, claim.versions));
end
$$;

-- By name, `after` one already seen: a page at a time, whatever an answer may hold.
create or replace function lepinet.list_model_versions(after text, page integer) returns jsonb
  language plpgsql stable security definer set search_path = '' set plan_cache_mode = 'force_custom_plan' as $$
begin
  perform lepinet.require_user_role('admin', 'monitor');
  return (
    select coalesce(jsonb_agg(to_jsonb(v) order by v.version_name), '[]') from (
      select * from public.model_versions m where list_model_versions.after is null or m.version_name > list_model_versions.after
      order by m.version_name limit least(greatest(page, 1), 500)) v);
end
$$;
create or replace function public.list_model_versions(after text default null, page integer default 500) returns jsonb
  language sql stable set search_path = ''
begin atomic
  select lepinet.list_model_versions(after, page);
end;

-- Newest first, `before` a deployment already seen. Planned for what is asked, since what is not asked is null; and the
-- page begins where the index says, not where all before it have been read.
create or replace function lepinet.deployment_history(
  environment text default null, version_name text default null, before uuid default null, page integer default 50
) returns jsonb
  language plpgsql stable security definer set search_path = '' set plan_cache_mode = 'force_custom_plan' as $$
declare
  last public.model_deployments;
begin
  perform lepinet.require_user_role('admin', 'monitor');
  select * into last from public.model_deployments t where t.id = deployment_history.before;
  return (
    select coalesce(jsonb_agg(lepinet.deployment_json(d.t) || jsonb_build_object('events', (
        select coalesce(jsonb_agg(jsonb_build_object('at', v.at, 'step', v.step, 'text', v.text) order by v.at), '[]')
        from public.deployment_events v where v.deployment_id = (d.t).id)) order by (d.t).begun_at desc, (d.t).id), '[]')
    from (
      select t from public.model_deployments t
      where (deployment_history.environment is null or t.environment = deployment_history.environment)
        and (deployment_history.version_name is null or t.version_id = lepinet.version_id(deployment_history.version_name))
        and (last.id is null or (t.begun_at <= last.begun_at and (t.begun_at < last.begun_at or t.id > last.id)))
      order by t.begun_at desc, t.id limit least(greatest(page, 1), 500)) d);
end
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
  where e.place is not null and e.active_version_id is not null
$$;

create or replace function public.active_version(environment text default null) returns jsonb
  language sql stable set search_path = '' as $$
  select to_jsonb(v) from public.model_versions v where active_version.environment is null and v.is_active
  union all
  select to_jsonb(v) from public.model_versions v where v.version_name =
    (select a.version_name from public.active_model a where a.environment = active_version.environment)
$$;

-- A role's name sorts otherwise than text does, and an argument made of it decides for all: no index would then serve.
create or replace function public.emergency_activate(version text, reason text, environment text default null) returns text
  language plpgsql security definer set search_path = '' as $$
declare
  name text := coalesce(emergency_activate.environment, lepinet.mirrored_environment());
  deployment uuid := gen_random_uuid();
  actor text := format('%s (SQL)', session_user);
begin
  if name is null then
    perform lepinet.refuse('PT400', 'no environment has an active version yet', 'name one: emergency_activate(version, reason, environment)');
  end if;
  perform public.begin_emergency(deployment, name, version, emergency_activate.reason, actor);
  perform lepinet.flip(name, lepinet.version_id(version));
  update public.model_deployments d set flipped_at = clock_timestamp() where d.id = deployment;
  return format('%s is pinned to %s. The endpoint follows with the next run of lepinet reconcile.', name, version);
end
$$;

do $$
declare
  for_users regprocedure[] := array[
    'public.registry_snapshot(text, text[])',
    'lepinet.registry_snapshot(text, text[])',
    'public.list_model_versions(text, integer)',
    'lepinet.list_model_versions(text, integer)'];
  for_runs regprocedure := 'public.claim(text, text, bigint, text, text, uuid, text, double precision, text, text, text[])';
  f regprocedure;
begin
  foreach f in array for_users || for_runs loop
    execute format('revoke all on function %s from public, anon, authenticated, service_role', f);
    execute format('grant execute on function %s to service_role', f);
  end loop;
  -- The inner ones ask a signed-in user for a role.
  foreach f in array for_users loop
    execute format('grant execute on function %s to authenticated', f);
  end loop;
  execute 'revoke all on function lepinet.snapshot(text, text[]) from public, anon, authenticated, service_role';
end
$$;

notify pgrst, 'reload schema';

-- Who reads or logs says of which repository: two projects' keys are easily mixed up. An emergency asks for no more than it
-- needs, and a pin says whose it is. A trainer changes nothing of a version that was ever shipped.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

-- A database belongs to one repository. Null is somebody who has none: a script without models.yaml, the SQL editor.
create or replace function lepinet.require_repository(repository text) returns void
  language plpgsql stable set search_path = '' as $$
declare
  other text;
begin
  select e.repository into other from public.environments e where e.repository <> require_repository.repository limit 1;
  if other is not null then
    perform lepinet.refuse('PT403', format('this registry belongs to another repository (first commit %s)', left(other, 7)),
      'check which database this environment''s keys are for');
  end if;
end
$$;

-- Who pinned an environment, and when: no deployment begins after the emergency that did, so it is the last one.
create index if not exists model_deployments_emergencies on public.model_deployments (environment, number desc)
  where kind = 'emergency';
create or replace function lepinet.last_emergency(environment text) returns public.model_deployments
  language sql stable set search_path = '' as $$
  select d from public.model_deployments d where d.environment = last_emergency.environment and d.kind = 'emergency'
  order by d.number desc limit 1
$$;

create or replace function lepinet.require_no_pin(e public.environments) returns void
  language plpgsql stable set search_path = '' as $$
declare
  pinned public.model_deployments;
begin
  if e.pinned_version_id is not null then
    pinned := lepinet.last_emergency(e.name);
    perform lepinet.refuse('PT423', format('%s is pinned to %s%s: %s', e.name, lepinet.version_name(e.pinned_version_id),
        ' by ' || pinned.actor || to_char(pinned.begun_at at time zone 'UTC', '" since "FMDD Mon YYYY HH24:MI" UTC"'), e.pin_reason),
      format('declare that version in models.yaml, or: lepinet unpin -e %s --reason …', e.name));
  end if;
end
$$;

create or replace function lepinet.environment_json(environment text) returns jsonb
  language plpgsql stable set search_path = '' as $$
declare
  e public.environments;
  mirrored boolean;
  active text;
  recorded text;
  pinned public.model_deployments;
begin
  select * into e from public.environments where name = environment_json.environment;
  if not found then
    perform lepinet.refuse('PT404', format('this registry has no environment %s', environment_json.environment),
      'lepinet db migrate makes the environments of models.yaml known to it');
  end if;
  recorded := lepinet.version_name(e.active_version_id);
  mirrored := e.name is not distinct from lepinet.mirrored_environment();
  if mirrored then
    select v.version_name into active from public.model_versions v where v.is_active;
  else
    active := recorded;
  end if;
  if e.pinned_version_id is not null then
    pinned := lepinet.last_emergency(e.name);
  end if;
  return jsonb_build_object(
    'name', e.name, 'repository', e.repository, 'active', active, 'recorded', recorded,
    'generation', e.generation, 'commit', e.commit_sha,
    'claimant', case when e.lease_until > clock_timestamp() then e.claimant_label end,
    'lease_seconds', greatest(0, coalesce(extract(epoch from e.lease_until - clock_timestamp()), 0)),
    'pinned', lepinet.version_name(e.pinned_version_id), 'pin_reason', e.pin_reason,
    'pinned_by', pinned.actor, 'pinned_at', pinned.begun_at, 'mirrors_is_active', mirrored);
end
$$;

-- What an emergency has to know: the environment, and the rows that it names or was asked about. Nothing else can hold it up.
create or replace function lepinet.essentials(environment text, versions text[] default '{}') returns jsonb
  language plpgsql stable set search_path = '' as $$
declare
  e jsonb := lepinet.environment_json(essentials.environment);
begin
  return jsonb_build_object('environment', e, 'versions', (
    select coalesce(jsonb_agg(to_jsonb(v) order by v.created_at, v.version_name), '[]') from public.model_versions v
    where v.version_name = any (essentials.versions || array[e ->> 'active', e ->> 'recorded', e ->> 'pinned'])));
end
$$;

-- All that a plan needs of one environment. `versions` are the names that it asks about, those of models.yaml: beside
-- their rows come those that the environment itself names, and the newest 20 of all others, which wait for models.yaml.
create or replace function lepinet.snapshot(environment text, versions text[] default '{}') returns jsonb
  language plpgsql stable set search_path = '' as $$
declare
  e jsonb := lepinet.environment_json(snapshot.environment);
  named text[] := array_remove(snapshot.versions || array[e ->> 'active', e ->> 'recorded', e ->> 'pinned'], null);
  since bigint;
begin
  -- The last success but one: what began after it can explain what stands now.
  select d.number into since from public.model_deployments d
    where d.environment = snapshot.environment and d.status = 'succeeded' order by d.number desc offset 1 limit 1;
  since := coalesce(since, 0);
  return jsonb_build_object(
    'environment', e,
    'versions', (
      select coalesce(jsonb_agg(to_jsonb(v) order by v.created_at, v.version_name), '[]')
      from (
        select * from public.model_versions m where m.version_name = any (named)
        union all
        (select * from public.model_versions m where m.version_name <> all (named)
         order by m.created_at desc nulls last, m.version_name limit 20)) v),
    'deployments', (
      select coalesce(jsonb_agg(lepinet.deployment_json(d.t) order by (d.t).number desc), '[]')
      from (
        select t from public.model_deployments t where t.environment = snapshot.environment and t.number > since
        union all
        select t from public.model_deployments t
          where t.environment = snapshot.environment and t.status = 'started' and t.number <= since) d),
    'succeeded', (
      select coalesce(jsonb_agg(v.version_name), '[]') from public.model_versions v
      where v.version_name = any (snapshot.versions) and exists (
        select from public.model_deployments d
        where d.environment = snapshot.environment and d.version_id = v.id and d.status = 'succeeded')),
    -- Not `exists`: a common environment's row seems near wherever one begins to read.
    'ever_deployed', (
      select d.id from public.model_deployments d
      where d.environment = snapshot.environment order by d.number desc limit 1) is not null);
end
$$;

drop function if exists public.registry_snapshot(text, text[]);
drop function if exists lepinet.registry_snapshot(text, text[]);
create or replace function lepinet.registry_snapshot(environment text, versions text[], repository text) returns jsonb
  language plpgsql stable security definer set search_path = '' as $$
begin
  perform lepinet.require_user_role('admin', 'monitor');
  perform lepinet.require_repository(registry_snapshot.repository);
  return lepinet.snapshot(registry_snapshot.environment, registry_snapshot.versions)
    || jsonb_build_object('monitored', lepinet.last_monitor_run(registry_snapshot.environment));
end
$$;
create or replace function public.registry_snapshot(environment text, versions text[] default '{}', repository text default null)
  returns jsonb language sql stable set search_path = ''
begin atomic
  select lepinet.registry_snapshot(environment, versions, repository);
end;

create or replace function public.registry_essentials(environment text, versions text[] default '{}', repository text default null)
  returns jsonb language plpgsql stable security definer set search_path = '' as $$
begin
  perform lepinet.require_repository(registry_essentials.repository);
  return lepinet.essentials(registry_essentials.environment, registry_essentials.versions);
end
$$;

-- By name, `after` one already seen: a page at a time, whatever an answer may hold.
drop function if exists public.list_model_versions(text, integer);
drop function if exists lepinet.list_model_versions(text, integer);
create or replace function lepinet.list_model_versions(after text, page integer, repository text) returns jsonb
  language plpgsql stable security definer set search_path = '' set plan_cache_mode = 'force_custom_plan' as $$
begin
  perform lepinet.require_user_role('admin', 'monitor');
  perform lepinet.require_repository(list_model_versions.repository);
  return (
    select coalesce(jsonb_agg(to_jsonb(v) order by v.version_name), '[]') from (
      select * from public.model_versions m where list_model_versions.after is null or m.version_name > list_model_versions.after
      order by m.version_name limit least(greatest(page, 1), 500)) v);
end
$$;
create or replace function public.list_model_versions(after text default null, page integer default 500, repository text default null)
  returns jsonb language sql stable set search_path = ''
begin atomic
  select lepinet.list_model_versions(after, page, repository);
end;

-- Newest first, `before` a deployment already seen. Planned for what is asked, since what is not asked is null; and the
-- page begins where the index says, not where all before it have been read.
drop function if exists public.deployment_history(text, text, uuid, integer);
drop function if exists lepinet.deployment_history(text, text, uuid, integer);
create or replace function lepinet.deployment_history(
  environment text, version_name text, before uuid, page integer, repository text
) returns jsonb
  language plpgsql stable security definer set search_path = '' set plan_cache_mode = 'force_custom_plan' as $$
declare
  last public.model_deployments;
begin
  perform lepinet.require_user_role('admin', 'monitor');
  perform lepinet.require_repository(deployment_history.repository);
  select * into last from public.model_deployments t where t.id = deployment_history.before;
  return (
    select coalesce(jsonb_agg(lepinet.deployment_json(d.t) || jsonb_build_object('events', (
        select coalesce(jsonb_agg(jsonb_build_object('at', v.at, 'step', v.step, 'text', v.text) order by v.at), '[]')
        from public.deployment_events v where v.deployment_id = (d.t).id)) order by (d.t).number desc), '[]')
    from (
      select t from public.model_deployments t
      where (deployment_history.environment is null or t.environment = deployment_history.environment)
        and (deployment_history.version_name is null or t.version_id = lepinet.version_id(deployment_history.version_name))
        and (last.id is null or t.number < last.number)
      order by t.number desc limit least(greatest(page, 1), 500)) d);
end
$$;
create or replace function public.deployment_history(
  environment text default null, version_name text default null, before uuid default null, page integer default 50,
  repository text default null
) returns jsonb
  language sql stable set search_path = ''
begin atomic
  select lepinet.deployment_history(environment, version_name, before, page, repository);
end;

-- A trainer's last step, and reconcile's first. A version never changes: the same content again is the same row, and what
-- the row did not know yet (a revision, figures) is filled in; of what was ever shipped by git alone.
drop function if exists public.log_model_version(text, text, integer, double precision, text, text, jsonb, jsonb, timestamptz);
drop function if exists lepinet.log_model_version(text, text, integer, double precision, text, text, jsonb, jsonb, timestamptz);
create or replace function lepinet.log_model_version(
  version_name text, file_path text, training_image_count integer, accuracy_score double precision, revision text, notes text,
  links jsonb, metrics jsonb, created_at timestamptz, repository text
) returns jsonb
  language plpgsql security definer set search_path = '' as $$
#variable_conflict use_column
declare
  a alias for $1;
  v public.model_versions;
  core integer[];
begin
  perform lepinet.require_user_role('trainer');
  perform lepinet.require_repository(log_model_version.repository);
  if coalesce(a, '') !~ '\S' or coalesce(log_model_version.file_path, '') !~ '\S' then
    perform lepinet.refuse('PT400', 'a version needs a name and a file_path');
  end if;
  if log_model_version.accuracy_score not between 0 and 1 then
    perform lepinet.refuse('PT400', format('accuracy_score is %s, and must lie between 0 and 1', log_model_version.accuracy_score));
  end if;
  insert into public.model_versions
      (version_name, file_path, training_image_count, accuracy_score, revision, notes, links, metrics, created_at)
    values (a, log_model_version.file_path, log_model_version.training_image_count, log_model_version.accuracy_score,
      log_model_version.revision, log_model_version.notes, log_model_version.links, log_model_version.metrics,
      coalesce(log_model_version.created_at, clock_timestamp()))
    on conflict (version_name) do nothing
    returning * into v;
  if found then
    return to_jsonb(v) || '{"created": true}';
  end if;
  select * into v from public.model_versions m where m.version_name = a for update;
  if v.file_path <> log_model_version.file_path or v.revision <> log_model_version.revision then
    if a ~ '^v\d{1,9}\.\d{1,9}\.\d{1,9}$' then
      select max(string_to_array(substr(m.version_name, 2), '.')::integer[]) into core
        from public.model_versions m
        where m.version_name ~ ('^' || replace(regexp_replace(a, '\d+$', ''), '.', '\.') || '\d{1,9}$');
    end if;
    perform lepinet.refuse('PT409',
      format('%s is taken: %s @ %s, logged %s; you are logging %s @ %s. A version never changes.', a, v.file_path,
        coalesce(left(replace(v.revision, 'sha256:', ''), 7), 'no revision'), to_char(v.created_at, 'FMDD Mon YYYY'),
        log_model_version.file_path, coalesce(left(replace(log_model_version.revision, 'sha256:', ''), 7), 'no revision')),
      case when core is not null then format('next free: v%s.%s.%s', core[1], core[2], core[3] + 1) end);
  end if;
  if lepinet.is_user() and lepinet.was_shipped(v) then
    return to_jsonb(v) || '{"created": false}';
  end if;
  update public.model_versions m set
      revision = coalesce(m.revision, log_model_version.revision),
      training_image_count = coalesce(m.training_image_count, log_model_version.training_image_count),
      accuracy_score = coalesce(m.accuracy_score, log_model_version.accuracy_score),
      notes = coalesce(m.notes, log_model_version.notes),
      links = coalesce(m.links, log_model_version.links),
      metrics = coalesce(m.metrics, log_model_version.metrics)
    where m.id = v.id returning m.* into v;
  return to_jsonb(v) || '{"created": false}';
end
$$;
create or replace function public.log_model_version(
  version_name text, file_path text, training_image_count integer default null, accuracy_score double precision default null,
  revision text default null, notes text default null, links jsonb default null, metrics jsonb default null,
  created_at timestamptz default null, repository text default null
) returns jsonb
  language sql set search_path = ''
begin atomic
  select lepinet.log_model_version(
    version_name, file_path, training_image_count, accuracy_score, revision, notes, links, metrics, created_at, repository);
end;

-- Whether the caller is one of the project's users, who has signed in.
create or replace function lepinet.is_user() returns boolean
  language sql stable set search_path = '' as $$
  select current_setting('role', true) is not distinct from 'authenticated'
$$;

-- Whether a version was ever active, by a hand or a deployment, or is named by an environment.
create or replace function lepinet.was_shipped(v public.model_versions) returns boolean
  language sql stable set search_path = '' as $$
  select v.is_active is true or v.activated_at is not null
    or exists (select from public.model_deployments d where d.version_id = v.id)
    or exists (select from public.environments e where v.id in (e.active_version_id, e.pinned_version_id))
$$;

create or replace function lepinet.require_user_role(variadic allowed text[] default '{}') returns void
  language plpgsql stable set search_path = '' as $$
begin
  if not lepinet.is_user() or coalesce(auth.jwt() -> 'app_metadata' ->> 'role', '') = any (allowed) then
    return;
  elsif allowed = '{}' then
    perform lepinet.refuse('PT403', 'no user may do this', 'use the service key');
  end if;
  perform lepinet.refuse('PT403', format('this needs a user whose app_metadata.role is %s', array_to_string(allowed, ' or ')),
    'the project''s owner sets app_metadata; or use the service key');
end
$$;

-- An emergency takes the environment at once, whoever holds the lease, and pins it; nothing has moved yet.
create or replace function public.begin_emergency(
  id uuid, environment text, version_name text, reason text, actor text, repository text default null, claimant uuid default null,
  claimant_label text default null, lease_seconds double precision default 0, way_back jsonb default null
) returns jsonb
  language plpgsql security definer set search_path = '' as $$
declare
  e public.environments := lepinet.lock_environment(begin_emergency.environment);
  back jsonb := begin_emergency.way_back;
  version_id uuid;
begin
  perform lepinet.require_repository(e, begin_emergency.repository);
  if coalesce(begin_emergency.reason, '') !~ '\S' then
    perform lepinet.refuse('PT400', 'an emergency needs a reason: the history is read by those who come later');
  end if;
  if exists (select from public.model_deployments t where t.id = begin_emergency.id) then
    return lepinet.essentials(e.name);
  end if;
  version_id := lepinet.version_id(begin_emergency.version_name);
  if back is null then
    -- Nobody has looked at the endpoint: what the registry says, or said before something unproved was flipped to.
    select coalesce(
        (select d.way_back from public.model_deployments d
         where d.environment = e.name and d.status = 'started' and d.flipped_at is not null),
        (select jsonb_build_object('version', v.version_name, 'file_path', v.file_path, 'revision', v.revision)
         from public.model_versions v where v.id = e.active_version_id and v.revision is not null))
      into back;
  end if;
  update public.model_deployments t
    set status = 'superseded', error = 'an emergency: ' || begin_emergency.reason, ended_at = clock_timestamp()
    where t.environment = e.name and t.status = 'started';
  insert into public.model_deployments (id, environment, kind, version_id, way_back, actor, reason)
    values (begin_emergency.id, e.name, 'emergency', version_id, back, begin_emergency.actor, begin_emergency.reason);
  update public.environments t set
      pinned_version_id = version_id,
      pin_reason = begin_emergency.reason,
      claimant = begin_emergency.claimant,
      claimant_label = begin_emergency.claimant_label,
      claimant_commit = null,
      lease_until = case when begin_emergency.claimant is not null
        then clock_timestamp() + make_interval(secs => begin_emergency.lease_seconds) end
    where t.name = e.name;
  return lepinet.essentials(e.name);
end
$$;

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
  return lepinet.essentials(e.name);
end
$$;

do $$
declare
  signature text;
begin
  foreach signature in array array[
    'registry_snapshot(text, text[], text)',
    'list_model_versions(text, integer, text)',
    'deployment_history(text, text, uuid, integer, text)',
    'log_model_version(text, text, integer, double precision, text, text, jsonb, jsonb, timestamptz, text)']
  loop
    execute format('revoke all on function public.%1$s, lepinet.%1$s from public, anon, authenticated, service_role', signature);
    -- The inner one asks a signed-in user for a role.
    execute format('grant execute on function public.%1$s, lepinet.%1$s to authenticated, service_role', signature);
  end loop;
  foreach signature in array array[
    'require_repository(text)', 'last_emergency(text)', 'environment_json(text)', 'essentials(text, text[])',
    'is_user()', 'was_shipped(public.model_versions)']
  loop
    execute format('revoke all on function lepinet.%s from public, anon, authenticated, service_role', signature);
  end loop;
end
$$;
revoke all on function public.registry_essentials(text, text[], text) from public, anon, authenticated, service_role;
grant execute on function public.registry_essentials(text, text[], text) to service_role;

notify pgrst, 'reload schema';

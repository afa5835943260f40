-- The registry's rules. Each writing function takes the environment's row first, repeats harmlessly with the same ids,
-- and answers JSON; only a refusal raises: PTxyz with message and hint, the same through PostgREST and psycopg.
-- Clocks: clock_timestamp() of this database, since now() stands still while a lock is waited for.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

create or replace function lepinet.refuse(code text, what text, todo text default null) returns void
  language plpgsql set search_path = '' as $$
begin
  -- One line: PostgREST makes the message the HTTP status line's, and people's reasons are quoted in it.
  raise exception using errcode = code, message = regexp_replace(what, '\s+', ' ', 'g'), hint = coalesce(todo, '');
end
$$;

create or replace function lepinet.lock_environment(environment text) returns public.environments
  language plpgsql set search_path = '' as $$
declare
  e public.environments;
begin
  select * into e from public.environments where name = environment for update;
  if not found then
    perform lepinet.refuse('PT404', format('this registry has no environment %s', environment),
      'lepinet db migrate makes the environments of models.yaml known to it');
  end if;
  return e;
end
$$;

-- Two projects' keys are easily mixed up; null is the SQL editor, which can mean no other database.
create or replace function lepinet.require_repository(e public.environments, repository text) returns void
  language plpgsql stable set search_path = '' as $$
begin
  if e.repository <> require_repository.repository then
    perform lepinet.refuse('PT403', format('%s in this registry belongs to another repository (first commit %s)', e.name, left(e.repository, 7)),
      'check which database this environment''s keys are for');
  end if;
end
$$;

create or replace function lepinet.version_id(version text) returns uuid
  language plpgsql stable set search_path = '' as $$
declare
  found_id uuid;
begin
  select id into found_id from public.model_versions where version_name = version;
  if found_id is null then
    perform lepinet.refuse('PT404', format('this registry has no version %s', version), 'lepinet versions lists them');
  end if;
  return found_id;
end
$$;

create or replace function lepinet.version_name(id uuid) returns text
  language sql stable set search_path = '' as $$
  select v.version_name from public.model_versions v where v.id = version_name.id
$$;

-- A narrower right than service_role's, for a user whose app_metadata says so. Other roles have passed their grants already.
create or replace function lepinet.require_user_role(variadic allowed text[] default '{}') returns void
  language plpgsql stable set search_path = '' as $$
begin
  if current_setting('role', true) is distinct from 'authenticated'
     or coalesce(auth.jwt() -> 'app_metadata' ->> 'role', '') = any (allowed) then
    return;
  elsif allowed = '{}' then
    perform lepinet.refuse('PT403', 'no user may do this', 'use the service key');
  end if;
  perform lepinet.refuse('PT403', format('this needs a user whose app_metadata.role is %s', array_to_string(allowed, ' or ')),
    'the project''s owner sets app_metadata; or use the service key');
end
$$;

create or replace function lepinet.require_no_pin(e public.environments) returns void
  language plpgsql stable set search_path = '' as $$
begin
  if e.pinned_version_id is not null then
    perform lepinet.refuse('PT423', format('%s is pinned to %s: %s', e.name, lepinet.version_name(e.pinned_version_id), e.pin_reason),
      format('declare that version in models.yaml, or: lepinet unpin -e %s --reason …', e.name));
  end if;
end
$$;

-- Whether a run may still write. An emergency has taken the environment from whoever had it.
create or replace function lepinet.require_claim(e public.environments, claimant uuid) returns void
  language plpgsql stable set search_path = '' as $$
begin
  if e.claimant is distinct from require_claim.claimant then
    perform lepinet.require_no_pin(e);
    perform lepinet.refuse('PT409', format('another run has taken over %s', e.name), 'taken over');
  elsif e.claimant_commit <> e.commit_sha then
    perform lepinet.refuse('PT409', format('a newer commit waits to be reconciled to %s', e.name), 'superseded');
  end if;
end
$$;

-- Marks a version for readers of is_active. Two statements behind flip's lock: one update of both rows would break the
-- unique index, which is checked row by row.
create or replace function lepinet.mirror(version_id uuid) returns void
  language plpgsql set search_path = '' as $$
begin
  update public.model_versions set is_active = false where is_active and id <> mirror.version_id;
  update public.model_versions set is_active = true where id = mirror.version_id and is_active is distinct from true;
end
$$;

-- Makes a version the environment's active one. The table lock keeps two environments from mirroring at once; writers of
-- rows wait, readers do not.
create or replace function lepinet.flip(environment text, version_id uuid) returns void
  language plpgsql set search_path = '' as $$
begin
  lock table public.model_versions in share row exclusive mode;
  update public.environments e set
      active_version_id = flip.version_id,
      activated_at = case when e.active_version_id is distinct from flip.version_id then clock_timestamp() else e.activated_at end
    where e.name = flip.environment;
  if flip.environment = lepinet.mirrored_environment() then
    perform lepinet.mirror(flip.version_id);
  end if;
end
$$;

create or replace function lepinet.deployment_json(d public.model_deployments) returns jsonb
  language sql stable set search_path = '' as $$
  select to_jsonb(d) - 'version_id' - 'commit_sha'
    || jsonb_build_object('version', v.version_name, 'file_path', v.file_path, 'revision', v.revision, 'commit', d.commit_sha)
  from public.model_versions v where v.id = d.version_id
$$;

create or replace function lepinet.snapshot(environment text) returns jsonb
  language plpgsql stable set search_path = '' as $$
declare
  e public.environments;
  mirrored boolean;
  active text;
  since timestamptz;
begin
  select * into e from public.environments where name = snapshot.environment;
  if not found then
    perform lepinet.refuse('PT404', format('this registry has no environment %s', snapshot.environment),
      'lepinet db migrate makes the environments of models.yaml known to it');
  end if;
  mirrored := e.name is not distinct from lepinet.mirrored_environment();
  if mirrored then
    select version_name into active from public.model_versions where is_active;
  else
    active := lepinet.version_name(e.active_version_id);
  end if;
  -- The last success but one: what began after it can explain what stands now.
  select d.begun_at into since from public.model_deployments d
    where d.environment = e.name and d.status = 'succeeded' order by d.begun_at desc offset 1 limit 1;
  return jsonb_build_object(
    'environment', jsonb_build_object(
      'name', e.name, 'repository', e.repository, 'active', active, 'recorded', lepinet.version_name(e.active_version_id),
      'generation', e.generation, 'commit', e.commit_sha,
      'claimant', case when e.lease_until > clock_timestamp() then e.claimant_label end,
      'lease_seconds', greatest(0, coalesce(extract(epoch from e.lease_until - clock_timestamp()), 0)),
      'pinned', lepinet.version_name(e.pinned_version_id), 'pin_reason', e.pin_reason, 'mirrors_is_active', mirrored),
    'versions', (select coalesce(jsonb_agg(to_jsonb(v) order by v.created_at, v.version_name), '[]') from public.model_versions v),
    'deployments', (
      select coalesce(jsonb_agg(lepinet.deployment_json(d) order by d.begun_at desc, d.id), '[]') from public.model_deployments d
      where d.environment = e.name and (since is null or d.begun_at > since or d.status = 'started')),
    'succeeded', (
      select coalesce(jsonb_agg(distinct v.version_name), '[]')
      from public.model_deployments d join public.model_versions v on v.id = d.version_id
      where d.environment = e.name and d.status = 'succeeded'),
    'ever_deployed', exists (select from public.model_deployments d where d.environment = e.name));
end
$$;

create or replace function public.registry_snapshot(environment text) returns jsonb
  language plpgsql stable security definer set search_path = '' as $$
begin
  perform lepinet.require_user_role('admin', 'monitor');
  return lepinet.snapshot(registry_snapshot.environment);
end
$$;

-- A trainer's last step, and reconcile's first. A version never changes: the same content again is the same row, and what
-- the row did not know yet (a revision, figures) is filled in.
create or replace function public.log_model_version(
  version_name text, file_path text, training_image_count integer default null, accuracy_score double precision default null,
  revision text default null, notes text default null, links jsonb default null, metrics jsonb default null,
  created_at timestamptz default null
) returns jsonb
  language plpgsql security definer set search_path = '' as $$
#variable_conflict use_column
declare
  a alias for $1;
  v public.model_versions;
  core integer[];
begin
  perform lepinet.require_user_role('trainer');
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

create or replace function public.log_model_performance(
  id uuid, version_name text, kind text, test_accuracy double precision, test_sample_size integer,
  environment text default null, top3_accuracy double precision default null, notes text default null,
  details jsonb default null, commit_sha text default null
) returns void
  language plpgsql security definer set search_path = '' as $$
begin
  if log_model_performance.kind = 'monitor' then
    perform lepinet.require_user_role('monitor');
  else
    perform lepinet.require_user_role();
  end if;
  insert into public.model_performance_logs
      (id, model_version_id, environment, kind, test_accuracy, test_sample_size, top3_accuracy, notes, details, commit_sha)
    values (log_model_performance.id, lepinet.version_id(log_model_performance.version_name), log_model_performance.environment,
      log_model_performance.kind, log_model_performance.test_accuracy, log_model_performance.test_sample_size,
      log_model_performance.top3_accuracy, log_model_performance.notes, log_model_performance.details,
      log_model_performance.commit_sha)
    on conflict on constraint model_performance_logs_pkey do nothing;
end
$$;

create or replace function lepinet.log_performances(environment text, logs jsonb) returns void
  language plpgsql set search_path = '' as $$
begin
  perform public.log_model_performance((l ->> 'id')::uuid, l ->> 'version_name', l ->> 'kind',
      (l ->> 'test_accuracy')::double precision, (l ->> 'test_sample_size')::integer, log_performances.environment,
      (l ->> 'top3_accuracy')::double precision, l ->> 'notes', nullif(l -> 'details', 'null'), l ->> 'commit_sha')
    from jsonb_array_elements(coalesce(logs, '[]')) l;
end
$$;

-- The answers a version gave on exactly these known images when they were last logged; null when never.
create or replace function public.stored_answers(version_name text, known_images_sha256 text) returns jsonb
  language sql stable security definer set search_path = '' as $$
  select p.details from public.model_performance_logs p
  join public.model_versions v on v.id = p.model_version_id
  where v.version_name = stored_answers.version_name and p.kind = 'known-images'
    and p.details ->> 'known_images_sha256' = stored_answers.known_images_sha256
  order by p.test_date desc limit 1
$$;

-- A run's right to write to one environment. It records the commit even when somebody else holds the lease, so that an
-- older run learns from its next renewal that it is superseded.
create or replace function public.claim(
  environment text, repository text, generation bigint, commit_sha text, seen_commit text, claimant uuid, claimant_label text,
  lease_seconds double precision, declares text, accept_history text default null
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
  return jsonb_build_object('granted', granted, 'snapshot', lepinet.snapshot(e.name));
end
$$;

create or replace function public.renew(environment text, claimant uuid, lease_seconds double precision) returns void
  language plpgsql security definer set search_path = '' as $$
declare
  e public.environments := lepinet.lock_environment(renew.environment);
begin
  perform lepinet.require_claim(e, renew.claimant);
  update public.environments t set lease_until = clock_timestamp() + make_interval(secs => renew.lease_seconds) where t.name = e.name;
end
$$;

create or replace function public.release(environment text, claimant uuid) returns void
  language plpgsql security definer set search_path = '' as $$
declare
  e public.environments := lepinet.lock_environment(release.environment);
begin
  update public.environments t set claimant = null, claimant_label = null, claimant_commit = null, lease_until = null
    where t.name = e.name and t.claimant = release.claimant;
end
$$;

create or replace function public.begin_deployment(
  id uuid, environment text, claimant uuid, version_name text, way_back jsonb, actor text, reason text default null,
  verdict jsonb default null, conditions text default null
) returns jsonb
  language plpgsql security definer set search_path = '' as $$
declare
  e public.environments := lepinet.lock_environment(begin_deployment.environment);
  d public.model_deployments;
begin
  perform lepinet.require_claim(e, begin_deployment.claimant);
  perform lepinet.require_no_pin(e);
  select * into d from public.model_deployments t where t.id = begin_deployment.id;
  if not found then
    update public.model_deployments t
      set status = 'superseded', error = 'taken over by the next run', ended_at = clock_timestamp()
      where t.environment = e.name and t.status = 'started';
    insert into public.model_deployments
        (id, environment, kind, version_id, way_back, generation, commit_sha, actor, reason, verdict, conditions)
      values (begin_deployment.id, e.name, 'merge', lepinet.version_id(begin_deployment.version_name), begin_deployment.way_back,
        e.generation, e.commit_sha, begin_deployment.actor, begin_deployment.reason, begin_deployment.verdict,
        begin_deployment.conditions)
      returning * into d;
  end if;
  return lepinet.deployment_json(d);
end
$$;

create or replace function public.record_step(id uuid, deployment uuid, step text, text text) returns void
  language plpgsql security definer set search_path = '' as $$
begin
  if not exists (select from public.model_deployments d where d.id = record_step.deployment) then
    perform lepinet.refuse('PT404', format('this registry has no deployment %s', record_step.deployment));
  end if;
  insert into public.deployment_events (id, deployment_id, step, text)
    values (record_step.id, record_step.deployment, record_step.step, record_step.text)
    on conflict on constraint deployment_events_pkey do nothing;
end
$$;

-- A note about the environment is kept with its latest deployment.
create or replace function lepinet.note(environment text, step text, text text) returns void
  language sql set search_path = '' as $$
  insert into public.deployment_events (id, deployment_id, step, text)
    select gen_random_uuid(), d.id, note.step, note.text from public.model_deployments d
    where d.environment = note.environment order by d.begun_at desc limit 1
$$;

create or replace function lepinet.note_pin_ends(environment text, why text) returns void
  language plpgsql set search_path = '' as $$
begin
  update public.environments t set pinned_version_id = null, pin_reason = null where t.name = note_pin_ends.environment;
  perform lepinet.note(note_pin_ends.environment, 'unpin', note_pin_ends.why);
end
$$;

-- The row of a deployment, its environment locked and the claim seen to hold.
create or replace function lepinet.own_deployment(deployment uuid, claimant uuid) returns public.model_deployments
  language plpgsql set search_path = '' as $$
declare
  d public.model_deployments;
  e public.environments;
begin
  select * into d from public.model_deployments t where t.id = own_deployment.deployment;
  if not found then
    perform lepinet.refuse('PT404', format('this registry has no deployment %s', own_deployment.deployment));
  end if;
  e := lepinet.lock_environment(d.environment);
  select * into d from public.model_deployments t where t.id = own_deployment.deployment;
  -- Already done: saying so again does no harm, whoever holds the claim by now.
  if d.status in ('started', 'superseded') then
    perform lepinet.require_claim(e, own_deployment.claimant);
    if d.kind = 'merge' then
      perform lepinet.require_no_pin(e);
      if d.commit_sha <> e.commit_sha then
        perform lepinet.refuse('PT409', format('this deployment of %s is of an older commit', e.name), 'superseded');
      end if;
    end if;
    if d.status = 'superseded' then
      perform lepinet.refuse('PT409', format('this deployment of %s was superseded: %s', e.name, coalesce(d.error, '')), 'superseded');
    end if;
  end if;
  return d;
end
$$;

create or replace function public.activate_model_version(
  deployment uuid, claimant uuid, proved boolean default true, logs jsonb default null
) returns jsonb
  language plpgsql security definer set search_path = '' as $$
declare
  d public.model_deployments := lepinet.own_deployment(activate_model_version.deployment, activate_model_version.claimant);
begin
  if d.status = 'failed' then
    perform lepinet.refuse('PT409', format('this deployment has failed: %s', coalesce(d.error, '')));
  end if;
  if d.status = 'started' then
    perform lepinet.flip(d.environment, d.version_id);
    update public.model_deployments t set
        flipped_at = coalesce(t.flipped_at, clock_timestamp()),
        status = case when proved then 'succeeded' else t.status end,
        ended_at = case when proved then clock_timestamp() end
      where t.id = d.id returning * into d;
  end if;
  perform lepinet.log_performances(d.environment, logs);
  return lepinet.deployment_json(d);
end
$$;

create or replace function public.fail_deployment(
  deployment uuid, claimant uuid, failure text, error text, logs jsonb default null
) returns jsonb
  language plpgsql security definer set search_path = '' as $$
declare
  d public.model_deployments := lepinet.own_deployment(fail_deployment.deployment, fail_deployment.claimant);
begin
  if d.status = 'succeeded' then
    perform lepinet.refuse('PT409', 'this deployment has succeeded');
  end if;
  if d.status = 'started' then
    update public.model_deployments t
      set status = 'failed', failure = fail_deployment.failure, error = fail_deployment.error, ended_at = clock_timestamp()
      where t.id = d.id returning * into d;
    -- Flipped before it was proved; an emergency's row stays, since a person set it.
    if d.flipped_at is not null and d.kind = 'merge' then
      perform lepinet.flip(d.environment, v.id) from public.model_versions v where v.version_name = d.way_back ->> 'version';
    end if;
  end if;
  perform lepinet.log_performances(d.environment, logs);
  return lepinet.deployment_json(d);
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
    return jsonb_build_object('granted', true, 'snapshot', lepinet.snapshot(e.name));
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
  return jsonb_build_object('granted', true, 'snapshot', lepinet.snapshot(e.name));
end
$$;

-- For the SQL editor: the database's part of an emergency. The next reconcile moves the endpoint after it.
create or replace function public.emergency_activate(version text, reason text, environment text default null) returns text
  language plpgsql security definer set search_path = '' as $$
declare
  name text := coalesce(emergency_activate.environment, lepinet.mirrored_environment());
  deployment uuid := gen_random_uuid();
begin
  if name is null then
    perform lepinet.refuse('PT400', 'no environment has an active version yet', 'name one: emergency_activate(version, reason, environment)');
  end if;
  perform public.begin_emergency(deployment, name, version, emergency_activate.reason, session_user || ' (SQL)');
  perform lepinet.flip(name, lepinet.version_id(version));
  update public.model_deployments d set flipped_at = clock_timestamp() where d.id = deployment;
  return format('%s is pinned to %s. The endpoint follows with the next run of lepinet reconcile.', name, version);
end
$$;

create or replace function public.unpin(environment text, reason text) returns jsonb
  language plpgsql security definer set search_path = '' as $$
declare
  e public.environments := lepinet.lock_environment(unpin.environment);
begin
  if coalesce(unpin.reason, '') !~ '\S' then
    perform lepinet.refuse('PT400', 'unpin needs a reason');
  end if;
  if e.pinned_version_id is not null then
    perform lepinet.note_pin_ends(e.name, unpin.reason);
  end if;
  return lepinet.snapshot(e.name);
end
$$;

-- Newest first, `before` a deployment already seen.
create or replace function public.deployment_history(
  environment text default null, version_name text default null, before uuid default null, page integer default 50
) returns jsonb
  language plpgsql stable security definer set search_path = '' as $$
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
        and (last.id is null or t.begun_at < last.begun_at or (t.begun_at = last.begun_at and t.id > last.id))
      order by t.begun_at desc, t.id limit least(greatest(page, 1), 500)) d);
end
$$;

-- The owner's, over a direct connection: which repository this database belongs to, and its environments in promotion order.
create or replace function public.bind_environments(repository text, environments text[]) returns void
  language plpgsql security definer set search_path = '' as $$
declare
  other text;
  mirrored text;
begin
  -- Whoever holds a row is waited for; no order of rows could be right for two lists at once.
  lock table public.environments in exclusive mode;
  select e.repository into other from public.environments e where e.repository <> bind_environments.repository limit 1;
  if other is not null then
    perform lepinet.refuse('PT403', format('this registry belongs to another repository (first commit %s)', left(other, 7)),
      'check which database DATABASE_URL names');
  end if;
  mirrored := lepinet.mirrored_environment();
  update public.environments e set place = null where e.name <> all (bind_environments.environments);
  insert into public.environments as e (name, repository, place)
    select n.name, bind_environments.repository, n.place
    from unnest(bind_environments.environments) with ordinality as n (name, place)
    on conflict (name) do update set place = excluded.place where e.place is distinct from excluded.place;
  if lepinet.mirrored_environment() <> coalesce(mirrored, '') then
    lock table public.model_versions in share row exclusive mode;
    perform lepinet.mirror(e.active_version_id) from public.environments e where e.name = lepinet.mirrored_environment();
  end if;
end
$$;

-- PUBLIC may execute every new function unless it is told not to, whatever the project's default grants. By signature:
-- the project may have its own function called claim.
revoke all on all functions in schema lepinet from public, anon, authenticated, service_role;
grant execute on function lepinet.active_models() to anon, authenticated, service_role;
revoke all on function public.bind_environments(text, text[]) from public, anon, authenticated, service_role;
do $$
declare
  for_users regprocedure[] := array[
    'public.registry_snapshot(text)',
    'public.log_model_version(text, text, integer, double precision, text, text, jsonb, jsonb, timestamptz)',
    'public.log_model_performance(uuid, text, text, double precision, integer, text, double precision, text, jsonb, text)',
    'public.deployment_history(text, text, uuid, integer)'];
  for_runs regprocedure[] := array[
    'public.stored_answers(text, text)',
    'public.claim(text, text, bigint, text, text, uuid, text, double precision, text, text)',
    'public.renew(text, uuid, double precision)',
    'public.release(text, uuid)',
    'public.begin_deployment(uuid, text, uuid, text, jsonb, text, text, jsonb, text)',
    'public.record_step(uuid, uuid, text, text)',
    'public.activate_model_version(uuid, uuid, boolean, jsonb)',
    'public.fail_deployment(uuid, uuid, text, text, jsonb)',
    'public.begin_emergency(uuid, text, text, text, text, text, uuid, text, double precision, jsonb)',
    'public.emergency_activate(text, text, text)',
    'public.unpin(text, text)'];
  f regprocedure;
begin
  foreach f in array for_users || for_runs loop
    execute format('revoke all on function %s from public, anon, authenticated, service_role', f);
    execute format('grant execute on function %s to service_role', f);
  end loop;
  -- These ask for the user's role themselves.
  foreach f in array for_users loop
    execute format('grant execute on function %s to authenticated', f);
  end loop;
end
$$;

notify pgrst, 'reload schema';

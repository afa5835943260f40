-- The registry's tables: which model versions there are, which one each environment serves, and how it came to that.
-- Tables and columns of the hand-made registry keep their names and types; whatever is missing is added.
-- Runs on PostgreSQL 15 to 18 with Supabase's roles; repeating it changes nothing.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

-- Not exposed by the API: what only the functions of `public` may call.
create schema if not exists lepinet;
revoke all on schema lepinet from public;

create table if not exists public.model_versions (
  id uuid not null default gen_random_uuid(),
  version_name text not null,
  file_path text not null,
  training_image_count integer,
  accuracy_score double precision,
  is_active boolean default false,
  created_at timestamp with time zone default now(),
  constraint model_versions_pkey primary key (id)
);
alter table public.model_versions
  add column if not exists revision text,
  add column if not exists notes text,
  add column if not exists links jsonb,
  add column if not exists metrics jsonb,
  add column if not exists activated_at timestamp with time zone;
create unique index if not exists model_versions_name on public.model_versions (version_name);
create unique index if not exists model_versions_one_active on public.model_versions (is_active) where is_active;
comment on column public.model_versions.is_active is
  'The active version of the last environment, in promotion order, that has one. Set by activate_model_version alone.';

create table if not exists public.environments (
  name text primary key check (name ~ '^[a-z][a-z0-9-]{0,39}$'),
  repository text not null,
  place integer,
  active_version_id uuid references public.model_versions (id),
  activated_at timestamp with time zone,
  generation bigint,
  commit_sha text,
  claimant uuid,
  claimant_label text,
  claimant_commit text,
  lease_until timestamp with time zone,
  pinned_version_id uuid references public.model_versions (id),
  pin_reason text
);
create index if not exists environments_active on public.environments (active_version_id);
create index if not exists environments_pinned on public.environments (pinned_version_id);
comment on table public.environments is 'One row for each environment; taking it for update is the lock of everything that environment does.';
comment on column public.environments.repository is 'The first commit of main: another repository''s runs are refused.';
comment on column public.environments.place is 'Promotion order; null once the manifest no longer names the environment.';
comment on column public.environments.claimant_commit is
  'The commit that the claimant works for; another one in commit_sha supersedes it. Null for an emergency, which no commit supersedes.';
comment on column public.environments.generation is 'The place of commit_sha on main''s first-parent line; never lowered but by accepted history.';

create table if not exists public.model_performance_logs (
  id uuid default gen_random_uuid() primary key,
  model_version_id uuid references public.model_versions (id),
  test_date timestamp with time zone default now(),
  test_accuracy double precision,
  test_sample_size integer,
  notes text
);
alter table public.model_performance_logs
  add column if not exists environment text,
  add column if not exists kind text,
  add column if not exists top3_accuracy double precision,
  add column if not exists details jsonb,
  add column if not exists commit_sha text;
create index if not exists model_performance_logs_version on public.model_performance_logs (model_version_id, kind, test_date desc);
create index if not exists model_performance_logs_environment on public.model_performance_logs (environment, kind, test_date desc);

create table if not exists public.model_deployments (
  id uuid primary key,
  environment text not null references public.environments (name),
  kind text not null check (kind in ('merge', 'emergency')),
  version_id uuid not null references public.model_versions (id),
  way_back jsonb,
  generation bigint,
  commit_sha text,
  actor text not null,
  reason text,
  verdict jsonb,
  conditions text,
  status text not null default 'started' check (status in ('started', 'succeeded', 'failed', 'superseded')),
  failure text check (failure in ('verdict', 'proof', 'move')),
  error text,
  begun_at timestamp with time zone not null default clock_timestamp(),
  flipped_at timestamp with time zone,
  ended_at timestamp with time zone
);
create unique index if not exists model_deployments_one_started on public.model_deployments (environment) where status = 'started';
create index if not exists model_deployments_history on public.model_deployments (environment, begun_at desc, id);
create index if not exists model_deployments_version on public.model_deployments (version_id);
comment on column public.model_deployments.way_back is 'What a failed deployment returns to: {version, file_path, revision}.';
comment on column public.model_deployments.flipped_at is
  'When the registry began to say this version. Before the end of a deployment: its version may answer without having been proved.';
comment on column public.model_deployments.conditions is 'Digest of all that a refusal or a failed proof depends on; while it is the same, the target is not tried again.';

create table if not exists public.deployment_events (
  id uuid primary key,
  deployment_id uuid not null references public.model_deployments (id),
  at timestamp with time zone not null default clock_timestamp(),
  step text not null,
  text text not null
);
create index if not exists deployment_events_deployment on public.deployment_events (deployment_id, at);

-- Who reads what. Writing is done by functions alone, except what the hand-made registry's trainer inserts.
alter table public.model_versions enable row level security;
alter table public.environments enable row level security;
alter table public.model_performance_logs enable row level security;
alter table public.model_deployments enable row level security;
alter table public.deployment_events enable row level security;

revoke all on public.model_versions, public.environments, public.model_performance_logs, public.model_deployments,
  public.deployment_events from anon, authenticated, service_role;
grant select on public.model_versions, public.environments, public.model_performance_logs, public.model_deployments,
  public.deployment_events to authenticated, service_role;
grant insert on public.model_versions, public.model_performance_logs to service_role;
-- Without the right to try, the refusal would be "permission denied" instead of what to do; the trigger below refuses.
grant update (is_active) on public.model_versions to authenticated, service_role;
grant select (id, version_name, file_path, revision, activated_at, is_active) on public.model_versions to anon;

drop policy if exists lepinet_active on public.model_versions;
create policy lepinet_active on public.model_versions for select to anon using (is_active);

do $$
declare
  t text;
begin
  foreach t in array array['model_versions', 'environments', 'model_performance_logs', 'model_deployments', 'deployment_events'] loop
    execute format('drop policy if exists lepinet_admin on public.%I', t);
    -- app_metadata is written by the service key alone; user_metadata, which users write themselves, is not asked.
    execute format(
      'create policy lepinet_admin on public.%I for select to authenticated '
      'using ((select auth.jwt() -> ''app_metadata'' ->> ''role'') = ''admin'')', t);
  end loop;
end
$$;

-- The environment whose active version readers of is_active are told: the last in promotion order that has one.
create or replace function lepinet.mirrored_environment() returns text
  language sql stable set search_path = '' as $$
  select name from public.environments where active_version_id is not null and place is not null order by place desc limit 1
$$;

-- What everybody may know, with the owner's rights: neither strangers nor an app's signed-in users read the tables.
-- The mirrored environment's is the row that is_active marks, since a hand may have moved that.
create or replace function lepinet.active_models()
  returns table (environment text, version_name text, file_path text, revision text, activated_at timestamptz)
  language sql stable security definer set search_path = '' as $$
  select e.name, v.version_name, v.file_path, v.revision,
    case when v.id = e.active_version_id then e.activated_at else v.activated_at end
  from public.environments e
  join public.model_versions v
    on case when e.name = lepinet.mirrored_environment() then v.is_active else v.id = e.active_version_id end
  where e.place is not null and e.active_version_id is not null
$$;

create or replace view public.active_model with (security_invoker = on) as select * from lepinet.active_models();
comment on view public.active_model is 'The active version of each environment, one row each.';
revoke all on public.active_model from anon, authenticated, service_role;
grant select on public.active_model to anon, authenticated, service_role;

-- Who activates, and when: git decides, through activate_model_version.
create or replace function lepinet.refuse_direct_activation() returns trigger
  language plpgsql set search_path = '' as $$
declare
  active text;
  earlier text;
begin
  if current_user in ('anon', 'authenticated', 'service_role') then
    -- Seen with the caller's own rights: what they may not read is not said.
    select v.version_name into active from public.model_versions v where v.is_active;
    select v.version_name into earlier from public.model_versions v
      where not v.is_active and v.activated_at is not null order by v.activated_at desc limit 1;
    raise exception using
      errcode = 'PT403',
      message = format('nothing was changed%s: models are switched in models.yaml (LepiNet)', ', ' || active || ' is still active'),
      hint = format('in an emergency, in the SQL editor, where it is logged: select emergency_activate(%L, ''your reason'');',
        coalesce(earlier, 'v1.0.0'));
  end if;
  return null;
end
$$;
drop trigger if exists lepinet_refuse_direct_activation on public.model_versions;
create trigger lepinet_refuse_direct_activation before update of is_active on public.model_versions
  for each statement execute function lepinet.refuse_direct_activation();

create or replace function lepinet.note_activation() returns trigger
  language plpgsql set search_path = '' as $$
begin
  if tg_op = 'INSERT' then
    if new.is_active then
      raise notice 'is_active was stored as false: % becomes active through models.yaml', new.version_name;
    end if;
    new.is_active := false;
  elsif new.is_active and old.is_active is distinct from true then
    new.activated_at := clock_timestamp();
  end if;
  return new;
end
$$;
drop trigger if exists lepinet_note_activation on public.model_versions;
create trigger lepinet_note_activation before insert or update of is_active on public.model_versions
  for each row execute function lepinet.note_activation();

notify pgrst, 'reload schema';

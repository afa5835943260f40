-- As little as each key needs, and nothing that Supabase's linter has to say.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

-- Strangers learn which model is active, and not by which number the database knows it.
revoke select (id) on public.model_versions from anon;

-- Asked once for each request, and not for each row.
do $$
declare
  t text;
begin
  foreach t in array array['model_versions', 'environments', 'model_performance_logs', 'model_deployments', 'deployment_events'] loop
    execute format('drop policy if exists lepinet_admin on public.%I', t);
    execute format(
      'create policy lepinet_admin on public.%I for select to authenticated '
      'using (((select auth.jwt()) -> ''app_metadata'' ->> ''role'') = ''admin'')', t);
  end loop;
end
$$;

-- What runs with the owner's rights for a signed-in user lies where the API does not reach; what the API reaches runs with
-- the user's own. Their bodies name the inner functions as they are now, so nobody needs a right to look into the schema.
do $$
declare
  signature text;
begin
  foreach signature in array array[
    'registry_snapshot(text)',
    'deployment_history(text, text, uuid, integer)',
    'log_model_version(text, text, integer, double precision, text, text, jsonb, jsonb, timestamptz)',
    'log_model_performance(uuid, text, text, double precision, integer, text, double precision, text, jsonb, text)']
  loop
    -- Repeated: it is there already, unless the files before this one were repeated too.
    continue when not (select prosecdef from pg_proc where oid = ('public.' || signature)::regprocedure);
    execute 'drop function if exists lepinet.' || signature;
    execute format('alter function public.%s set schema lepinet', signature);
  end loop;
end
$$;

create or replace function public.registry_snapshot(environment text) returns jsonb
  language sql stable set search_path = ''
begin atomic
  select lepinet.registry_snapshot(environment);
end;

create or replace function public.deployment_history(
  environment text default null, version_name text default null, before uuid default null, page integer default 50
) returns jsonb
  language sql stable set search_path = ''
begin atomic
  select lepinet.deployment_history(environment, version_name, before, page);
end;

create or replace function public.log_model_version(
  version_name text, file_path text, training_image_count integer default null, accuracy_score double precision default null,
  revision text default null, notes text default null, links jsonb default null, metrics jsonb default null,
  created_at timestamptz default null
) returns jsonb
  language sql set search_path = ''
begin atomic
  select lepinet.log_model_version(
    version_name, file_path, training_image_count, accuracy_score, revision, notes, links, metrics, created_at);
end;

create or replace function public.log_model_performance(
  id uuid, version_name text, kind text, test_accuracy double precision, test_sample_size integer,
  environment text default null, top3_accuracy double precision default null, notes text default null,
  details jsonb default null, commit_sha text default null
) returns void
  language sql set search_path = ''
begin atomic
  select lepinet.log_model_performance(
    id, version_name, kind, test_accuracy, test_sample_size, environment, top3_accuracy, notes, details, commit_sha);
end;

do $$
declare
  signature text;
begin
  foreach signature in array array[
    'registry_snapshot(text)',
    'deployment_history(text, text, uuid, integer)',
    'log_model_version(text, text, integer, double precision, text, text, jsonb, jsonb, timestamptz)',
    'log_model_performance(uuid, text, text, double precision, integer, text, double precision, text, jsonb, text)']
  loop
    execute format('revoke all on function public.%1$s, lepinet.%1$s from public, anon, authenticated, service_role', signature);
    -- The inner one asks a signed-in user for a role.
    execute format('grant execute on function public.%1$s, lepinet.%1$s to authenticated, service_role', signature);
  end loop;
end
$$;

notify pgrst, 'reload schema';

-- What the hand-made registry's readers ask for: which model is active now.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

-- An environment's active version; without one, the row that is_active marks. Null when there is none.
create or replace function public.active_version(environment text default null) returns jsonb
  language sql stable set search_path = '' as $$
  select to_jsonb(v) from public.model_versions v
  where case
    when active_version.environment is null then v.is_active
    else v.version_name =
      (select a.version_name from public.active_model a where a.environment = active_version.environment)
  end
$$;
revoke all on function public.active_version(text) from public, anon, authenticated, service_role;
grant execute on function public.active_version(text) to service_role;

notify pgrst, 'reload schema';

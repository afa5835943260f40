-- What the list of applied migrations promises and somebody has dropped, or did not restore: found by name.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

-- A schema that was dropped and made again lets nobody in.
do $$
declare
  role_name text;
begin
  foreach role_name in array array['anon', 'authenticated', 'service_role'] loop
    if not has_schema_privilege(role_name, 'public', 'usage') then
      execute format('grant usage on schema public to %I', role_name);
    end if;
  end loop;
end
$$;

create or replace function public.missing_objects(relations text[], functions text[], triggers text[]) returns jsonb
  language sql stable set search_path = '' as $$
  select coalesce(jsonb_agg(m.name order by m.name), '[]') from (
    select r from unnest(missing_objects.relations) r where to_regclass(r) is null
    union all
    select f || '()' from unnest(missing_objects.functions) f where not exists (
      select from pg_proc p join pg_namespace n on n.oid = p.pronamespace where n.nspname || '.' || p.proname = f)
    union all
    select 'trigger ' || t from unnest(missing_objects.triggers) t where not exists (
      select from pg_trigger g where g.tgname = t)) m (name)
$$;
revoke all on function public.missing_objects(text[], text[], text[]) from public, anon, authenticated, service_role;
grant execute on function public.missing_objects(text[], text[], text[]) to service_role;

notify pgrst, 'reload schema';

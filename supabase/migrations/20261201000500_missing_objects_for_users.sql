-- Whoever may ask what was applied may ask what of it is missing.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

create or replace function lepinet.missing_objects(relations text[], functions text[], triggers text[]) returns jsonb
  language plpgsql stable security definer set search_path = '' as $$
begin
  perform lepinet.require_user_role('trainer', 'monitor', 'admin');
  return (
    select coalesce(jsonb_agg(m.name order by m.name), '[]') from (
      select r from unnest(missing_objects.relations) r where to_regclass(r) is null
      union all
      select f || '()' from unnest(missing_objects.functions) f where not exists (
        select from pg_proc p join pg_namespace n on n.oid = p.pronamespace where n.nspname || '.' || p.proname = f)
      union all
      select 'trigger ' || t from unnest(missing_objects.triggers) t where not exists (
        select from pg_trigger g where g.tgname = t)) m (name));
end
$$;
create or replace function public.missing_objects(relations text[], functions text[], triggers text[]) returns jsonb
  language sql stable set search_path = ''
begin atomic
  select lepinet.missing_objects(relations, functions, triggers);
end;

do $$
declare
  signature constant text := 'missing_objects(text[], text[], text[])';
begin
  execute format('revoke all on function public.%1$s, lepinet.%1$s from public, anon, authenticated, service_role', signature);
  -- The inner one asks a signed-in user for a role.
  execute format('grant execute on function public.%1$s, lepinet.%1$s to authenticated, service_role', signature);
end
$$;

notify pgrst, 'reload schema';

-- PUBLIC is every role there is: a registry that was made by hand may have opened its tables to it, and a project everything
-- new. Roles of the project's own keep what they were granted; lepinet db migrate names them.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

do $$
declare
  relation regclass;
begin
  for relation in
    select c.oid from pg_class c where c.relnamespace = 'public'::regnamespace and c.relname in (
      'model_versions', 'environments', 'model_performance_logs', 'model_deployments', 'deployment_events', 'active_model')
  loop
    execute format('revoke all on %s from public', relation);
  end loop;
  -- Those of the tables' own columns. The secret key inserts rows, and may need their next numbers.
  for relation in
    select d.objid from pg_depend d join pg_class s on s.oid = d.objid
    where d.classid = 'pg_class'::regclass and d.refclassid = 'pg_class'::regclass and d.deptype in ('a', 'i') and s.relkind = 'S'
      and d.refobjid in ('public.model_versions'::regclass, 'public.model_performance_logs'::regclass, 'public.model_deployments'::regclass)
  loop
    execute format('revoke all on sequence %s from public, anon, authenticated', relation);
  end loop;
end
$$;

notify pgrst, 'reload schema';

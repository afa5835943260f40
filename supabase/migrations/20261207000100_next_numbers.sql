-- The secret key inserts rows by hand, too: where a column's default takes its numbers from a sequence, the key may take the
-- next one, whether the column owns the sequence or somebody made it beside the table. lepinet db migrate asks those for a
-- grant whose sequence it is not.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

do $$
declare
  numbers regclass;
begin
  for numbers in
    select distinct s.oid
    from pg_attrdef e join pg_depend d on d.classid = 'pg_attrdef'::regclass and d.objid = e.oid
    join pg_class s on d.refclassid = 'pg_class'::regclass and s.oid = d.refobjid
    where e.adrelid in ('public.model_versions'::regclass, 'public.model_performance_logs'::regclass)
      and s.relkind = 'S' and pg_has_role(s.relowner, 'usage')
  loop
    execute format('grant usage on sequence %s to service_role', numbers);
  end loop;
end
$$;

notify pgrst, 'reload schema';

-- Whether a registry that was made by hand can be taken over as it is: the same for `lepinet db migrate` and for the script
-- that an SQL editor runs. What is tried here is undone, and the functions end with the session.

-- What the old guide's tables have, and what the migrations add to them.
create or replace function pg_temp.lepinet_columns() returns table (
    of_table text, named text, typed text,
    as_good text[],  -- types that hold the same
    needed boolean,  -- without it, it is another table of that name
    always_known boolean,  -- LepiNet has a value for every row
    added boolean)
  language sql immutable set search_path = '' as $$
  values
    ('model_versions', 'id', 'uuid', '{}'::text[], true, true, false),
    ('model_versions', 'version_name', 'text', '{character varying}', true, true, false),
    ('model_versions', 'file_path', 'text', '{character varying}', true, true, false),
    ('model_versions', 'training_image_count', 'integer', '{bigint}', false, false, false),
    ('model_versions', 'accuracy_score', 'double precision', '{real,numeric}', false, false, false),
    ('model_versions', 'is_active', 'boolean', '{}', false, true, false),
    ('model_versions', 'created_at', 'timestamp with time zone', '{}', false, true, false),
    ('model_versions', 'revision', 'text', '{}', false, false, true),
    ('model_versions', 'notes', 'text', '{}', false, false, true),
    ('model_versions', 'links', 'jsonb', '{}', false, false, true),
    ('model_versions', 'metrics', 'jsonb', '{}', false, false, true),
    ('model_versions', 'activated_at', 'timestamp with time zone', '{}', false, false, true),
    ('model_versions', 'deployed', 'boolean', '{}', false, true, true),
    ('model_performance_logs', 'id', 'uuid', '{}', true, true, false),
    ('model_performance_logs', 'model_version_id', 'uuid', '{}', true, true, false),
    ('model_performance_logs', 'test_date', 'timestamp with time zone', '{}', false, true, false),
    ('model_performance_logs', 'test_accuracy', 'double precision', '{real,numeric}', false, false, false),
    ('model_performance_logs', 'test_sample_size', 'integer', '{bigint}', false, false, false),
    ('model_performance_logs', 'notes', 'text', '{character varying}', false, false, false),
    ('model_performance_logs', 'environment', 'text', '{}', false, false, true),
    ('model_performance_logs', 'kind', 'text', '{}', false, false, true),
    ('model_performance_logs', 'top3_accuracy', 'double precision', '{}', false, false, true),
    ('model_performance_logs', 'details', 'jsonb', '{}', false, false, true),
    ('model_performance_logs', 'commit_sha', 'text', '{}', false, false, true),
    ('model_performance_logs', 'known_images_sha256', 'text', '{}', false, false, true),
    ('model_performance_logs', 'species', 'jsonb', '{}', false, false, true)
$$;

-- Whose the registry is: `taken over`, also where somebody has dropped what the list of applied migrations has; `by hand`,
-- or `nothing`.
create or replace function pg_temp.lepinet_state() returns text
  language plpgsql stable set search_path = '' as $$
begin
  -- From the catalogue: asking by name ends in an error where the schema is another user's. One name alone may be anybody's.
  if 2 = (select count(distinct p.proname) from pg_proc p join pg_namespace n on n.oid = p.pronamespace
          where n.nspname = 'lepinet' and p.proname in ('refuse', 'version_id')) then
    return 'taken over';
  elsif exists (select from pg_class c join pg_namespace n on n.oid = c.relnamespace
                where n.nspname = 'supabase_migrations' and c.relname = 'schema_migrations'
                  and has_schema_privilege(n.oid, 'usage') and has_table_privilege(c.oid, 'select')) then
    if exists (select from supabase_migrations.schema_migrations m where m.version::text = '20261124000100') then
      return 'taken over';
    end if;
  end if;
  return case when to_regclass('public.model_versions') is null and to_regclass('public.model_performance_logs') is null
    then 'nothing' else 'by hand' end;
end
$$;

create or replace function pg_temp.lepinet_conflicts_of_rows() returns table (what text, settled_by text)
  language plpgsql set search_path = '' as $$
begin
  return query
    select format('versions without a version_name: %s', count(*)),
      $sql$update public.model_versions set version_name = 'unknown-' || id where coalesce(version_name, '') !~ '\S';$sql$
    from public.model_versions v where coalesce(v.version_name::text, '') !~ '\S' having count(*) > 0
    union all
    select format('versions without a file_path: %s', count(*)),
      $sql$update public.model_versions set file_path = 'unknown-' || id where coalesce(file_path, '') !~ '\S';$sql$
    from public.model_versions v where coalesce(v.file_path::text, '') !~ '\S' having count(*) > 0;
  return query
    with versions as (  -- as JSON: a column that is not there is null
      select v.id, v.version_name::text as named, shown -> 'is_active' = 'true' as active, shown ->> 'created_at' as created
      from public.model_versions v, to_jsonb(v) shown
    ), newest_active as (
      select v.id, v.named from versions v where v.active order by v.created desc nulls last, v.id limit 1
    ), alike as (  -- the one that stays active keeps its name, else the oldest does
      select v.id, v.named, row_number() over (partition by v.named order by v.id = n.id desc nulls last, v.created, v.id) as place
      from versions v left join newest_active n on true
      where v.named ~ '\S'
    )
    select format('%s versions are active at once; this leaves the newest of them, %s', count(*), min(n.named)),
      format('update public.model_versions set is_active = false where is_active and id <> %L;', min(n.id::text))
    from versions v, newest_active n where v.active having count(*) > 1
    union all
    (select format('another version is called %s, too; this gives it a name of its own', a.named),
      format('update public.model_versions set version_name = %L where id = %L;', format('%s-%s', a.named, left(a.id::text, 8)), a.id)
    from alike a where a.place > 1 order by a.named, a.place);
end
$$;

-- What gives a column another type. PostgreSQL lets nobody change what is in use: views, policies, triggers and rules are
-- taken away and made again as they were; a column that is computed from it keeps what it holds, and is computed no more.
create or replace function pg_temp.lepinet_retyped(relation regclass, named text, typed text) returns text[]
  language sql stable set search_path = '' as $$
  with recursive users as (
    select d.classid, d.objid from pg_depend d join pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
    where d.refclassid = 'pg_class'::regclass and d.refobjid = relation and a.attname = named
  ), views as (
    select r.ev_class, 1 as depth from users u join pg_rewrite r on r.oid = u.objid
    where u.classid = 'pg_rewrite'::regclass and r.ev_type = '1'
    union
    select r.ev_class, v.depth + 1
    from views v join pg_depend d on d.refclassid = 'pg_class'::regclass and d.refobjid = v.ev_class
    join pg_rewrite r on d.classid = 'pg_rewrite'::regclass and r.oid = d.objid
    where r.ev_type = '1' and r.ev_class <> v.ev_class
  ), grants as (
    select r.oid, format('grant %s%s on %s to %s;', a.privilege_type, r.columns, r.oid::regclass, coalesce(quote_ident(g.rolname), 'public')) as granted
    from (
      select c.oid, c.relowner, '' as columns, c.relacl as acl from pg_class c
      union all
      select c.oid, c.relowner, format(' (%I)', t.attname), t.attacl from pg_class c join pg_attribute t on t.attrelid = c.oid) r
    cross join aclexplode(r.acl) a left join pg_roles g on g.oid = a.grantee
    where r.oid in (select v.ev_class from views v) and a.grantee <> r.relowner
  ), remade (place, taken_away, made_again) as (
    select v.depth, format('drop %s %s;', k.kind, c.oid::regclass),
      array[format('create %s %s%s as %s', k.kind, c.oid::regclass, ' with (' || array_to_string(c.reloptions, ', ') || ')', pg_get_viewdef(c.oid))]
        || array(select format('alter %s %s owner to %I;', k.kind, c.oid::regclass, pg_get_userbyid(c.relowner))
          where pg_get_userbyid(c.relowner) <> current_user)
        || array(select pg_get_indexdef(i.indexrelid) || ';' from pg_index i where i.indrelid = c.oid)
        || array(select pg_get_triggerdef(t.oid) || ';' from pg_trigger t where t.tgrelid = c.oid)
        || array(select pg_get_ruledef(r.oid) from pg_rewrite r where r.ev_class = c.oid and r.ev_type <> '1')
        || array(select g.granted from grants g where g.oid = c.oid order by 1)
    from (select ev_class, max(depth) as depth from views group by ev_class) v join pg_class c on c.oid = v.ev_class
    cross join lateral (select case c.relkind when 'm' then 'materialized view' else 'view' end as kind) k
    union all
    select 0, format('drop policy %I on %s;', p.polname, p.polrelid::regclass),
      array[format('create policy %I on %s as %s for %s to %s%s%s;', p.polname, p.polrelid::regclass,
        case when p.polpermissive then 'permissive' else 'restrictive' end,
        case p.polcmd when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update' when 'd' then 'delete' else 'all' end,
        (select string_agg(coalesce(quote_ident(r.rolname), 'public'), ', ') from unnest(p.polroles) o left join pg_roles r on r.oid = o),
        ' using (' || pg_get_expr(p.polqual, p.polrelid) || ')', ' with check (' || pg_get_expr(p.polwithcheck, p.polrelid) || ')')]
    from users u join pg_policy p on u.classid = 'pg_policy'::regclass and p.oid = u.objid
    union all
    select 0, format('drop trigger %I on %s;', t.tgname, t.tgrelid::regclass),
      pg_get_triggerdef(t.oid) || ';' || case t.tgenabled
        when 'D' then array[format('alter table %s disable trigger %I;', t.tgrelid::regclass, t.tgname)]
        when 'A' then array[format('alter table %s enable always trigger %I;', t.tgrelid::regclass, t.tgname)]
        when 'R' then array[format('alter table %s enable replica trigger %I;', t.tgrelid::regclass, t.tgname)]
        else '{}' end
    from users u join pg_trigger t on u.classid = 'pg_trigger'::regclass and t.oid = u.objid
    union all
    select 0, format('drop rule %I on %s;', r.rulename, r.ev_class::regclass), array[pg_get_ruledef(r.oid)]
    from users u join pg_rewrite r on u.classid = 'pg_rewrite'::regclass and r.oid = u.objid and r.ev_type <> '1'
    where r.ev_class not in (select v.ev_class from views v)
    union all
    select 0, format('alter table %s alter column %I drop expression;', relation, a.attname), '{}'
    from users u join pg_attrdef e on u.classid = 'pg_attrdef'::regclass and e.oid = u.objid
    join pg_attribute a on a.attrelid = e.adrelid and a.attnum = e.adnum and a.attname <> named
  ), filled as (
    select pg_get_expr(e.adbin, e.adrelid) as by from pg_attrdef e join pg_attribute a on a.attrelid = e.adrelid and a.attnum = e.adnum
    where a.attrelid = relation and a.attname = named and a.attgenerated = ''
  )
  select array(select r.taken_away from (select distinct place, taken_away from remade) r order by r.place desc, r.taken_away)
    || format('alter table %s%s alter column %I type %s using %3$I::%4$s%s;', relation,
      (select format(' alter column %I drop default,', named) from filled), named, typed,
      (select format(', alter column %I set default (%s)::%s', named, f.by, typed) from filled f))
    || array(
      select s.statement from (select distinct place, taken_away, made_again from remade) r,
        unnest(r.made_again) with ordinality s (statement, number)
      order by r.place, r.taken_away, s.number)
$$;

-- Why statements cannot be run, and the SQLSTATE of that; null when they can. Nothing of it stays.
create or replace function pg_temp.lepinet_refusal(statements text[], out state text, out reason text)
  language plpgsql set search_path = '' as $$
declare
  statement text;
  detail text;
begin
  foreach statement in array statements loop
    execute statement;
  end loop;
  raise exception using errcode = 'LP000';
exception
  when sqlstate 'LP000' then
    null;
  when lock_not_available or deadlock_detected or serialization_failure then
    raise;
  when others then
    get stacked diagnostics detail = pg_exception_detail;
    state := sqlstate;
    reason := concat_ws(': ', sqlerrm, nullif(detail, ''));
end
$$;

create or replace function pg_temp.lepinet_conflicts_of_table(looked_at text) returns table (what text, settled_by text)
  language plpgsql set search_path = '' as $$
declare
  away constant text := format('alter table public.%I rename to %I;', looked_at, looked_at || '_by_hand')
    || case when to_regclass(format('public.%I', looked_at || '_pkey')) is not null
      then format(' alter index public.%I rename to %I;', looked_at || '_pkey', looked_at || '_by_hand_pkey') else '' end;
  missing text;
  refused record;
  c record;
begin
  select string_agg(e.named, ' and no ') into missing from pg_temp.lepinet_columns() e
    where e.of_table = looked_at and e.needed and not exists (
      select from pg_attribute a where a.attrelid = ('public.' || e.of_table)::regclass and a.attname = e.named);
  if missing is not null then
    return query select format('public.%s has no %s: it is another table of that name', looked_at, missing), away;
    return;
  end if;
  return query
    with found as (
      select a.attname::text as named, format_type(a.atttypid, a.atttypmod) as typed, a.attnotnull as not_null,
        a.atthasdef or a.attidentity <> '' as filled, a.attgenerated <> '' as computed, a.attnum
      from pg_attribute a
      where a.attrelid = ('public.' || looked_at)::regclass and a.attnum > 0 and not a.attisdropped
    )
    -- Where LepiNet has no value for a column of its own, it says so: a default does not come in then.
    select format('public.%s.%s needs a value, which LepiNet does not always know', looked_at, f.named),
      format('alter table public.%I alter column %I drop not null;', looked_at, f.named)
    from found f left join pg_temp.lepinet_columns() e on e.of_table = looked_at and e.named = f.named
    where f.not_null and not coalesce(e.always_known, f.filled)
    union all
    select format('public.%s.%s is %s, and LepiNet needs the name for %s', looked_at, f.named,
        case when f.computed then 'computed' else f.typed end, e.typed),
      format('alter table public.%I rename column %I to %I;', looked_at, f.named, f.named || '_by_hand')
    from found f join pg_temp.lepinet_columns() e on e.of_table = looked_at and e.named = f.named
    where e.added and (f.typed <> e.typed or f.computed)
    union all
    select format('public.%s.%s is %s, and not uuid: it is another table of that name', looked_at, f.named, f.typed), away
    from found f join pg_temp.lepinet_columns() e on e.of_table = looked_at and e.named = f.named
    where e.typed = 'uuid' and f.typed <> 'uuid';
  -- A length or a number of digits is a part of the type here: varchar(20) has no room for every version.
  for c in
    select a.attname as named, format_type(a.atttypid, a.atttypmod) as typed, e.typed as wanted, e.needed,
      pg_temp.lepinet_retyped(a.attrelid, a.attname, e.typed) as statements
    from pg_attribute a join pg_temp.lepinet_columns() e on e.of_table = looked_at and e.named = a.attname
    where a.attrelid = ('public.' || looked_at)::regclass and not e.added and e.typed <> 'uuid'
      and format_type(a.atttypid, a.atttypmod) <> all (e.as_good || e.typed)
    order by a.attnum
  loop
    select * into refused from pg_temp.lepinet_refusal(c.statements);
    what := format('public.%s.%s is %s, and not %s', looked_at, c.named, c.typed, c.wanted);
    settled_by := case cardinality(c.statements) when 1 then c.statements[1] else format('begin; %s commit;', array_to_string(c.statements, ' ')) end;
    if refused.state = '42501' then
      what := format('%s; %I may not change it: %s', what, current_user, refused.reason);
    elsif refused.state is not null then
      what := format('%s; PostgreSQL does not change it: %s', what, refused.reason);
      settled_by := case when c.needed then '-- take away what it names, then run this again'
        else format('alter table public.%I rename column %I to %I;', looked_at, c.named, c.named || '_by_hand') end;
    end if;
    return next;
  end loop;
  return query
    select distinct format('public.%s.%s takes its numbers from %s, which belongs to another user', looked_at, a.attname, s.oid::regclass),
      format('grant usage on sequence %s to %I, service_role;', s.oid::regclass, current_user)
    from pg_attrdef e join pg_attribute a on a.attrelid = e.adrelid and a.attnum = e.adnum
    join pg_depend d on d.classid = 'pg_attrdef'::regclass and d.objid = e.oid
    join pg_class s on d.refclassid = 'pg_class'::regclass and s.oid = d.refobjid
    where e.adrelid = ('public.' || looked_at)::regclass and s.relkind = 'S' and not pg_has_role(s.relowner, 'usage')
      and not (has_sequence_privilege(s.oid, 'usage') and has_sequence_privilege('service_role', s.oid, 'usage'));
  return query
    select format('the trigger %s of public.%s is this project''s own, and LepiNet''s are called so', t.tgname, looked_at),
      format('alter trigger %I on public.%I rename to %I;', t.tgname, looked_at, 'by_hand_' || t.tgname)
    from pg_trigger t join pg_proc p on p.oid = t.tgfoid join pg_namespace n on n.oid = p.pronamespace
    where t.tgrelid = ('public.' || looked_at)::regclass and t.tgname like 'lepinet\_%' and n.nspname <> 'lepinet';
  -- PostgreSQL lets nobody insert with `on conflict` then.
  return query
    select format('the rule %s of public.%s stands before every row that is logged', r.rulename, looked_at),
      format('drop rule %I on public.%I;', r.rulename, looked_at)
    from pg_rewrite r where r.ev_class = ('public.' || looked_at)::regclass and r.ev_type in ('2', '3');
  if not exists (
    select from pg_index i join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
    where i.indrelid = ('public.' || looked_at)::regclass and i.indisunique and i.indnkeyatts = 1 and i.indpred is null
      and a.attname = 'id')
  then
    return query select format('public.%s.id is no key', looked_at), format('alter table public.%I add primary key (id);', looked_at);
  end if;
  if looked_at = 'model_versions' then
    return query select * from pg_temp.lepinet_conflicts_of_rows();
  end if;
end
$$;

-- All that the migrations would meet. `functions`, `indexes` and `relations` are the names of what they make.
create or replace function pg_temp.lepinet_conflicts(functions text[], indexes text[], relations text[])
  returns table (what text, settled_by text)
  language plpgsql set search_path = '' as $$
declare
  by_hand constant text[] := array['model_versions', 'model_performance_logs'];
  c record;
begin
  return query
    select format('the schema %I belongs to another user, who alone can change it', n.nspname),
      format('alter schema %I owner to %I;', n.nspname, current_user)
    from pg_namespace n
    where n.nspname in ('lepinet', 'supabase_migrations') and not has_schema_privilege(n.oid, 'usage, create');
  return query
    select 'supabase_migrations.schema_migrations belongs to another user, who alone can change it'::text,
      format('alter table supabase_migrations.schema_migrations owner to %I;', current_user)
    from pg_class l join pg_namespace n on n.oid = l.relnamespace
    where n.nspname = 'supabase_migrations' and l.relname = 'schema_migrations' and not pg_has_role(l.relowner, 'usage');
  -- Of other arguments or results too: a call by name would find two.
  return query
    select format('%s is a function of this project''s own, and LepiNet needs the name', f.signature),
      format('alter routine %s rename to %I;', f.signature, f.named || '_by_hand')
    from (
      select p.proname as named, format('public.%I(%s)', p.proname, pg_get_function_identity_arguments(p.oid)) as signature
      from pg_proc p where p.pronamespace = 'public'::regnamespace and p.proname = any (functions)) f
    order by 1;
  return query
    select format('public.%s is an index of this project''s own, and LepiNet needs the name', i.relname),
      format('alter index public.%I rename to %I;', i.relname, i.relname || '_by_hand')
    from pg_class i
    where i.relnamespace = 'public'::regnamespace and i.relkind in ('i', 'I') and i.relname = any (indexes) order by 1;
  -- The one that the other names first.
  return query
    select format('public.%s is unlogged: a crash would empty it, and what LepiNet adds may not name its rows', t.relname),
      format('alter table public.%I set logged;', t.relname)
    from pg_class t
    where t.relnamespace = 'public'::regnamespace and t.relname = any (by_hand) and t.relkind = 'r' and t.relpersistence = 'u'
    order by t.relname desc;
  for c in
    select r.relname as named, r.relkind as kind, pg_has_role(r.relowner, 'usage') as is_ours from pg_class r
    where r.relnamespace = 'public'::regnamespace and r.relname = any (relations || by_hand)
    order by r.relname <> all (by_hand), 1  -- what mends the old tables' columns may name the others
  loop
    if c.named <> all (by_hand) or c.kind <> 'r' then
      return query select format('public.%s is something of this project''s own, and LepiNet needs the name', c.named),
        format('alter %s public.%I rename to %I;', case c.kind when 'c' then 'type' else 'table' end, c.named, c.named || '_by_hand');
    elsif not c.is_ours then
      return query select format('public.%s belongs to another user, who alone can change it', c.named),
        format('alter table public.%I owner to %I;', c.named, current_user);
    else
      return query select * from pg_temp.lepinet_conflicts_of_table(c.named);
    end if;
  end loop;
end
$$;

-- What may stand in the way of a row, `indexes` aside: its name, what takes it away, and what mends it where that is known.
create or replace function pg_temp.lepinet_obstacles(indexes text[]) returns table (what text, removed_by text, mended_by text)
  language sql stable set search_path = '' as $$
  with old as (
    select c.oid, c.relname, c.relforcerowsecurity from pg_class c
    where c.oid in (to_regclass('public.model_versions'), to_regclass('public.model_performance_logs'))
  )
  select format('the trigger %s of public.%s', t.tgname, o.relname),
    format('alter table public.%I disable trigger %I;', o.relname, t.tgname),
    -- The registry's functions see no schema but those they name, and a trigger runs as they do.
    case when p.proconfig is null then format('alter function %s set search_path = public, extensions;', p.oid::regprocedure) end
  from old o join pg_trigger t on t.tgrelid = o.oid join pg_proc p on p.oid = t.tgfoid
  where not t.tgisinternal and t.tgenabled <> 'D' and t.tgname not like 'lepinet\_%'
  union all
  select format('the forced row-level security of public.%s', o.relname),
    format('alter table public.%I no force row level security;', o.relname), null
  from old o where o.relforcerowsecurity
  union all
  select format('the constraint %s of public.%s, %s', k.conname, o.relname, pg_get_constraintdef(k.oid)),
    format('alter table public.%I drop constraint %I;', o.relname, k.conname), null
  from old o join pg_constraint k on k.conrelid = o.oid
  where k.contype in ('c', 'f', 'p', 'u', 'x') and not exists (
    select from pg_attribute a where a.attrelid = o.oid and a.attname = 'id' and k.contype in ('p', 'u') and k.conkey = array[a.attnum])
  union all
  select format('the index %s of public.%s', i.indexrelid::regclass, o.relname), format('drop index %s;', i.indexrelid::regclass), null
  from old o join pg_index i on i.indrelid = o.oid join pg_class n on n.oid = i.indexrelid
  where (i.indisunique or i.indexprs is not null) and n.relname <> all (indexes)
    and not exists (select from pg_constraint k where k.conindid = i.indexrelid)
    and not exists (select from pg_attribute a where a.attrelid = o.oid and a.attname = 'id' and i.indkey::text = a.attnum::text)
  union all
  select format('the generated column %s of public.%s', a.attname, o.relname),
    format('alter table public.%I alter column %I drop expression;', o.relname, a.attname), null
  from old o join pg_attribute a on a.attrelid = o.oid
  where a.attgenerated <> '' and a.attname in (select c.named from pg_temp.lepinet_columns() c)
  union all
  select format('the default of public.%s.%s', o.relname, a.attname),
    format('alter table public.%I alter column %I drop default;', o.relname, a.attname), null
  from old o join pg_attribute a on a.attrelid = o.oid
  where a.atthasdef and a.attgenerated = '' and a.attname not in (select c.named from pg_temp.lepinet_columns() c)
$$;

-- Log two versions of the same files, and activate one after the other, as runs do; null when all of it works, else what
-- stops it. Nothing of it stays. `changes` are statements to be tried before.
create or replace function pg_temp.lepinet_rehearse(changes text[]) returns text
  language plpgsql set search_path = '' as $$
declare
  change text;
  named text;
  seen text[];
begin
  begin
    set constraints all immediate;
    foreach change in array changes loop
      execute change;
    end loop;
    insert into public.environments (name, repository, place) values ('lepinet-rehearsal', '', 2147483647);
    foreach named in array array['v0.0.0-lepinet.rehearsal.1', 'v0.0.0-lepinet.rehearsal.2'] loop
      perform public.log_model_version(named, 'lepinet/rehearsal');
      perform public.log_model_version(named, 'lepinet/rehearsal', 100000, 0.98765, repeat('0', 40), 'a rehearsal');
      perform public.log_model_performance(gen_random_uuid(), named, 'proof', 0.98765, 100000);
      perform public.emergency_activate(named, 'a rehearsal', 'lepinet-rehearsal');
      perform public.log_model_performance(gen_random_uuid(), named, 'proof', 0.98765, 100000);
    end loop;
    seen := array(select v.version_name from public.model_versions v where v.is_active);
    if seen is distinct from array[named] then
      raise exception 'active is % then, and not the version that was activated', coalesce(nullif(array_to_string(seen, ', '), ''), 'none');
    end if;
    seen := array(
      select v.version_name from public.model_versions v
      where v.version_name like 'v0.0.0-lepinet.rehearsal._' and v.file_path = 'lepinet/rehearsal'
        and v.revision = repeat('0', 40) and v.training_image_count = 100000
        and abs(v.accuracy_score - 0.98765) < 0.000005 and v.notes = 'a rehearsal');
    if cardinality(seen) <> 2 then
      raise exception 'a version is not stored as it is logged';
    end if;
    if 4 <> (select count(*) from public.model_performance_logs p join public.model_versions v on v.id = p.model_version_id
             where v.version_name = any (seen) and p.kind = 'proof' and abs(p.test_accuracy - 0.98765) < 0.000005) then
      raise exception 'a test is not stored as it is logged';
    end if;
    raise exception using errcode = 'LP000';
  exception
    when sqlstate 'LP000' then
      return null;
    when lock_not_available or deadlock_detected or serialization_failure then
      raise;
    when others then
      return sqlerrm;
  end;
end
$$;

-- What of the tables lets no version be logged or activated, once the migrations were applied: each obstacle by itself.
-- `indexes` are the names of those that the migrations make.
create or replace function pg_temp.lepinet_rehearsal(indexes text[]) returns table (what text, settled_by text)
  language plpgsql set search_path = '' as $$
declare
  stopped text := pg_temp.lepinet_rehearse('{}');
  left_over text;
  removals text[];
  others text[];
  o record;
begin
  if stopped is null then
    return;
  end if;
  removals := array(select s.removed_by from pg_temp.lepinet_obstacles(indexes) s);
  left_over := pg_temp.lepinet_rehearse(removals);
  if left_over is not null then
    return query select format('no version can be logged and activated here: %s', left_over),
      '-- no trigger, index, constraint or default of these tables explains it'::text;
    return;
  end if;
  for o in select * from pg_temp.lepinet_obstacles(indexes) loop
    others := array_remove(removals, o.removed_by);
    stopped := pg_temp.lepinet_rehearse(others);
    continue when stopped is null;
    what := format('%s lets no version be logged and activated: %s', o.what, stopped);
    settled_by := o.removed_by;
    if o.mended_by is not null and pg_temp.lepinet_rehearse(others || o.mended_by) is null then
      settled_by := o.mended_by;
    end if;
    return next;
  end loop;
  if what is null then
    -- Only several of them together.
    return query select format('%s lets no version be logged and activated, with others: %s', s.what, pg_temp.lepinet_rehearse('{}')),
      s.removed_by from pg_temp.lepinet_obstacles(indexes) s;
  end if;
end
$$;

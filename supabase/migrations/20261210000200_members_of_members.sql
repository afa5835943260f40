-- Whoever is a member of a member of the API's roles may do as much: only the first of them was told.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

create or replace function public.registry_openings() returns jsonb
  language sql stable set search_path = '' as $$
  select coalesce(jsonb_agg(jsonb_build_object('what', o.what, 'closed_by', o.closed_by) order by o.what), '[]') from (
    with recursive tables as (
      select c.oid, c.relname, c.relowner, c.relacl from pg_class c
      where c.relnamespace = 'public'::regnamespace and c.relname in (
        'model_versions', 'model_performance_logs', 'environments', 'model_deployments', 'deployment_events', 'active_model')
    ), members as (
      select r.rolname as api_role, a.roleid as parent, a.member from pg_auth_members a join pg_roles r on r.oid = a.roleid
      where r.rolname in ('anon', 'authenticated', 'service_role')
      union
      select i.api_role, a.roleid, a.member from members i join pg_auth_members a on a.roleid = i.member
    ), reading as (
      select t.oid from tables t
      union
      select r.ev_class from reading s
      join pg_depend d on d.refclassid = 'pg_class'::regclass and d.refobjid = s.oid and d.classid = 'pg_rewrite'::regclass
      join pg_rewrite r on r.oid = d.objid
    ), views as (
      select v.oid, v.relkind, string_agg(distinct coalesce(quote_ident(g.rolname), 'public'), ', ') as others
      from reading s join pg_class v on v.oid = s.oid
      cross join aclexplode(v.relacl) a left join pg_roles g on g.oid = a.grantee
      where v.relkind in ('v', 'm') and a.grantee <> v.relowner and g.rolsuper is not true and g.rolname is distinct from 'service_role'
        and not exists (
          select from pg_options_to_table(v.reloptions) o where o.option_name = 'security_invoker' and o.option_value::boolean)
      group by v.oid, v.relkind
    ), held as (
      select t.relname, t.relowner, a.grantee, a.privilege_type from tables t, aclexplode(t.relacl) a where a.grantor = t.relowner
      union
      select t.relname, t.relowner, a.grantee, a.privilege_type
      from tables t join pg_attribute c on c.attrelid = t.oid, aclexplode(c.attacl) a where a.grantor = t.relowner
    )
    select format('%I has a grant of its own on public.%s: %s', r.rolname, h.relname, string_agg(lower(h.privilege_type), ', ' order by h.privilege_type)),
      format('revoke all on public.%I from %I cascade;', h.relname, r.rolname)
    from held h join pg_roles r on r.oid = h.grantee
    where not r.rolsuper and r.rolname not in ('anon', 'authenticated', 'service_role')
      and not pg_has_role(r.oid, h.relowner, 'usage')
    group by r.rolname, h.relname
    union all
    -- But for Supabase's own, and for whoever may do all of it anyway.
    select format('the role %I is a member of %s%s, and may do what that one may', m.rolname, i.api_role,
        case when p.rolname <> i.api_role then format(' by way of %I', p.rolname) end),
      format('revoke %I from %I;', p.rolname, m.rolname)
    from members i join pg_roles p on p.oid = i.parent join pg_roles m on m.oid = i.member
    where not m.rolsuper and m.rolname <> 'authenticator' and m.rolname not like 'supabase\_%'
      and not exists (select from tables t where pg_has_role(m.oid, t.relowner, 'member'))
    union all
    select format('the policy %I shows rows of public.%s to %s: %s', p.policyname, p.tablename,
        replace(array_to_string(p.roles, ', '), 'public', 'everybody'), coalesce(p.qual, 'true')),
      format('drop policy %I on public.%I;', p.policyname, p.tablename)
    from pg_policies p
    where p.schemaname = 'public' and p.tablename in (select t.relname from tables t) and p.permissive = 'PERMISSIVE'
      and p.cmd in ('SELECT', 'ALL') and p.policyname not in ('lepinet_active', 'lepinet_admin')
    union all
    select format('the view %s shows the registry to %s with its owner''s rights', v.oid::regclass, replace(v.others, 'public', 'everybody')),
      case v.relkind
        when 'v' then format('alter view %s set (security_invoker = on);', v.oid::regclass)
        else format('revoke all on %s from %s;', v.oid::regclass, v.others) end
    from views v
    union all
    select format('the function %s uses the registry with its owner''s rights, whoever calls it', p.oid::regprocedure),
      format('revoke execute on routine %s from public, anon, authenticated;', p.oid::regprocedure)
    from pg_proc p
    where p.prosecdef and p.prorettype <> 'trigger'::regtype
      and p.pronamespace not in (select n.oid from pg_namespace n where n.nspname in ('pg_catalog', 'information_schema', 'lepinet'))
      and concat(p.prosrc, pg_get_function_sqlbody(p.oid)) ~ '\m(model_versions|model_performance_logs)\M'
      and exists (
        select from aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a left join pg_roles g on g.oid = a.grantee
        where a.grantee = 0 or g.rolname in ('anon', 'authenticated'))
  ) o (what, closed_by)
$$;
revoke all on function public.registry_openings() from public, anon, authenticated, service_role;
grant execute on function public.registry_openings() to service_role;

notify pgrst, 'reload schema';

-- Which of these files a database has seen, for those who have a key and no connection of their own.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

create or replace function public.applied_migrations() returns jsonb
  language sql stable security definer set search_path = '' as $$
  select coalesce(jsonb_agg(m.version order by m.version), '[]') from supabase_migrations.schema_migrations m
$$;
revoke all on function public.applied_migrations() from public, anon, authenticated, service_role;
grant execute on function public.applied_migrations() to service_role;

notify pgrst, 'reload schema';

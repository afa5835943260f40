-- Who asks, for `lepinet doctor`: what a set-up needs is for its own caller to have, and not for the service key.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

create or replace function lepinet.caller_role(repository text) returns jsonb
  language plpgsql stable security definer set search_path = '' as $$
declare
  role text := case when lepinet.is_user() then coalesce(auth.jwt() -> 'app_metadata' ->> 'role', '') else 'service_role' end;
begin
  if role in ('trainer', 'monitor', 'admin', 'service_role') then
    perform lepinet.require_repository(caller_role.repository);
  end if;
  return jsonb_build_object('role', role);
end
$$;
create or replace function public.caller_role(repository text default null) returns jsonb
  language sql stable set search_path = ''
begin atomic
  select lepinet.caller_role(repository);
end;

create or replace function lepinet.applied_migrations() returns jsonb
  language plpgsql stable security definer set search_path = '' as $$
begin
  perform lepinet.require_user_role('trainer', 'monitor', 'admin');
  return (select coalesce(jsonb_agg(m.version order by m.version), '[]') from supabase_migrations.schema_migrations m);
end
$$;
drop function if exists public.applied_migrations();
create or replace function public.applied_migrations() returns jsonb
  language sql stable set search_path = ''
begin atomic
  select lepinet.applied_migrations();
end;

do $$
declare
  signature text;
begin
  foreach signature in array array['caller_role(text)', 'applied_migrations()'] loop
    execute format('revoke all on function public.%1$s, lepinet.%1$s from public, anon, authenticated, service_role', signature);
    -- The inner one asks a signed-in user for a role.
    execute format('grant execute on function public.%1$s, lepinet.%1$s to authenticated, service_role', signature);
  end loop;
end
$$;

notify pgrst, 'reload schema';

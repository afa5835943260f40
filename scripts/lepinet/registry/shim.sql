-- What Supabase has and a plain PostgreSQL has not, as far as the migrations build on it: roles, `auth`, `extensions`.
-- Run by a superuser, and never a part of a migration: on Supabase all of this belongs to Supabase.
-- Harmless when repeated. Statements are set apart by blank lines, and none has one inside: so PostgreSQL's single-user
-- mode, which makes a new data folder's template of it, reads them too.

-- Roles belong to the cluster: another database's run may be making the same one now, so ask by trying.
do $$
declare
  role_name text;
begin
  foreach role_name in array array['anon', 'authenticated', 'service_role', 'authenticator'] loop
    continue when to_regrole(role_name) is not null;
    begin
      execute format('create role %I noinherit %s', role_name,
        case role_name when 'authenticator' then 'login' when 'service_role' then 'nologin bypassrls' else 'nologin' end);
      case role_name
        when 'anon' then alter role anon set statement_timeout = '3s';
        when 'authenticated' then alter role authenticated set statement_timeout = '8s';
        when 'authenticator' then
          alter role authenticator set statement_timeout = '8s';
          alter role authenticator set lock_timeout = '8s';
          grant anon, authenticated, service_role to authenticator;
        else null;
      end case;
    exception when duplicate_object or unique_violation then
      null;
    end;
  end loop;
end
$$;

-- Whoever runs it calls the registry as service_role later. A superuser may anyway; another may have been given it before.
do $$
begin
  if not (select rolsuper from pg_roles where rolname = current_user) then
    grant anon, authenticated, service_role to current_user;
  end if;
exception when insufficient_privilege then
  null;
end
$$;

grant usage on schema public to anon, authenticated, service_role;

create schema if not exists extensions;

create schema if not exists auth;

grant usage on schema auth, extensions to anon, authenticated, service_role;

create or replace function auth.jwt() returns jsonb language sql stable set search_path = '' as $$
  select coalesce(
    nullif(current_setting('request.jwt.claim', true), ''), nullif(current_setting('request.jwt.claims', true), ''))::jsonb
$$;

create or replace function auth.uid() returns uuid language sql stable set search_path = '' as $$
  select nullif(auth.jwt() ->> 'sub', '')::uuid
$$;

create or replace function auth.role() returns text language sql stable set search_path = '' as $$
  select nullif(auth.jwt() ->> 'role', '')
$$;


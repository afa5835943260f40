-- Only the secret key and the owner need no app_metadata. A role of the project's own, which was granted one of the API's,
-- used to pass for the secret key.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

-- Whether the caller is neither: one of the project's users, or a role that reaches as far as they do. Without `set role`,
-- which both API and runs do, it is whoever has connected.
create or replace function lepinet.is_user() returns boolean
  language sql stable set search_path = '' as $$
  select acting <> 'service_role'
    and not pg_has_role(acting, (select relowner from pg_class where oid = 'public.model_versions'::regclass), 'member')
  from (select coalesce(nullif(current_setting('role', true), 'none'), session_user)::name) a (acting)
$$;

create or replace function lepinet.require_user_role(variadic allowed text[] default '{}') returns void
  language plpgsql stable set search_path = '' as $$
begin
  if lepinet.is_user() is false or coalesce(auth.jwt() -> 'app_metadata' ->> 'role', '') = any (allowed) then
    return;
  elsif allowed = '{}' then
    perform lepinet.refuse('PT403', 'no user may do this', 'use the service key');
  end if;
  perform lepinet.refuse('PT403', format('this needs a user whose app_metadata.role is %s', array_to_string(allowed, ' or ')),
    'the project''s owner sets app_metadata; or use the service key');
end
$$;

create or replace function lepinet.refuse_direct_activation() returns trigger
  language plpgsql set search_path = '' as $$
declare
  active text;
  earlier text;
begin
  -- The registry's own functions run as the owner.
  if not pg_has_role(current_user, (select relowner from pg_class where oid = tg_relid), 'member') then
    -- Seen with the caller's own rights: what they may not read is not said.
    select v.version_name into active from public.model_versions v where v.is_active;
    select v.version_name into earlier from public.model_versions v
      where not v.is_active and v.activated_at is not null order by v.activated_at desc limit 1;
    raise exception using
      errcode = 'PT403',
      message = format('nothing was changed%s: models are switched in models.yaml (LepiNet)', ', ' || active || ' is still active'),
      hint = format('in an emergency, in the SQL editor, where it is logged: select emergency_activate(%L, ''your reason'');',
        coalesce(earlier, 'v1.0.0'));
  end if;
  return null;
end
$$;

notify pgrst, 'reload schema';

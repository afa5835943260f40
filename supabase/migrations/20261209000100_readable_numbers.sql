-- A number that no double precision holds, such as 1e5000, stops whoever reads it: PostgreSQL writes all its digits out.
-- None comes in any more, and a row that has one already stops nobody.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

-- Why readers cannot read it; null when they can. The depth comes first: what follows goes down to the end.
create or replace function lepinet.unreadable(value jsonb, levels integer) returns text
  language sql immutable set search_path = '' as $$
  select case
    when jsonb_path_exists(value, format('$.**{%s}', levels)::jsonpath) then format('is nested deeper than %s levels', levels)
    when jsonb_path_exists(value, '$.** ? (@ > 1.7e308 || @ < -1.7e308)') then 'has a number beyond 1.7e308'
  end
$$;
revoke all on function lepinet.unreadable(jsonb, integer) from public, anon, authenticated, service_role;

create or replace function lepinet.require_size(what text, value jsonb, most integer) returns void
  language plpgsql set search_path = '' as $$
declare
  why text;
begin
  perform lepinet.require_size(what, value::text, most);
  why := lepinet.unreadable(value, 32);
  if why is not null then
    perform lepinet.refuse('PT400', format('%s %s', what, why), 'log it flatter, and numbers that a program can read');
  end if;
end
$$;

-- What is there already is kept as its text: that is no object, so it counts as not said. Python reads 1,000 levels or so.
do $$
begin
  -- The bound is for what is new; a text's quotes may make it longer.
  drop trigger lepinet_bound on public.model_versions;
  update public.model_versions v set metrics = to_jsonb(v.metrics::text) where lepinet.unreadable(v.metrics, 500) is not null;
  update public.model_versions v set links = to_jsonb(v.links::text) where lepinet.unreadable(v.links, 500) is not null;
  update public.model_performance_logs p set details = to_jsonb(p.details::text)
    where lepinet.unreadable(p.details, 500) is not null;
end
$$;
create trigger lepinet_bound
  before insert or update of version_name, file_path, revision, notes, links, metrics on public.model_versions
  for each row execute function lepinet.bound_version();

notify pgrst, 'reload schema';

-- What everybody reads is small: a trainer or a monitor cannot fill a row so that nobody else gets an answer any more.
-- Rows that are there already stay as they are.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

create or replace function lepinet.require_size(what text, value text, most integer) returns void
  language plpgsql set search_path = '' as $$
begin
  if octet_length(value) > most then
    perform lepinet.refuse('PT400', format('%s has %s bytes, and may have %s', what, octet_length(value), most),
      'keep it elsewhere, and log a link to it');
  end if;
end
$$;

-- JSON by its size, and by how deep it is nested: what lies deeper, many readers cannot read.
create or replace function lepinet.require_size(what text, value jsonb, most integer) returns void
  language plpgsql set search_path = '' as $$
begin
  perform lepinet.require_size(what, value::text, most);
  if jsonb_path_exists(value, '$.**{32}') then
    perform lepinet.refuse('PT400', format('%s is nested deeper than 32 levels', what), 'log it flatter');
  end if;
end
$$;

-- Only what is new in a row: one from before there were bounds stops nobody. With the owner's rights, for rows inserted by a key.
create or replace function lepinet.bound_version() returns trigger
  language plpgsql security definer set search_path = '' as $$
begin
  perform lepinet.require_size('version_name', case when new.version_name is distinct from old.version_name then new.version_name end, 1000);
  perform lepinet.require_size('file_path', case when new.file_path is distinct from old.file_path then new.file_path end, 2000);
  perform lepinet.require_size('revision', case when new.revision is distinct from old.revision then new.revision end, 200);
  perform lepinet.require_size('notes', case when new.notes is distinct from old.notes then new.notes end, 65536);
  perform lepinet.require_size('links', case when new.links is distinct from old.links then new.links end, 262144);
  perform lepinet.require_size('metrics', case when new.metrics is distinct from old.metrics then new.metrics end, 262144);
  return new;
end
$$;
drop trigger if exists lepinet_bound on public.model_versions;
create trigger lepinet_bound
  before insert or update of version_name, file_path, revision, notes, links, metrics on public.model_versions
  for each row execute function lepinet.bound_version();

-- Every run and every status reads the monitor's last row; the answers on known images are read by those who ask for them.
-- 3,000 photos with five species each are about 2 MB.
create or replace function lepinet.bound_performance() returns trigger
  language plpgsql security definer set search_path = '' as $$
begin
  perform lepinet.require_size('environment', new.environment, 200);
  perform lepinet.require_size('kind', new.kind, 200);
  perform lepinet.require_size('commit_sha', new.commit_sha, 200);
  perform lepinet.require_size('notes', new.notes, 65536);
  perform lepinet.require_size('details', new.details, case when new.kind = 'monitor' then 262144 else 16777216 end);
  return new;
end
$$;
drop trigger if exists lepinet_bound on public.model_performance_logs;
create trigger lepinet_bound before insert on public.model_performance_logs
  for each row execute function lepinet.bound_performance();

revoke all on function lepinet.require_size(text, text, integer), lepinet.require_size(text, jsonb, integer),
  lepinet.bound_version(), lepinet.bound_performance() from public, anon, authenticated, service_role;

notify pgrst, 'reload schema';

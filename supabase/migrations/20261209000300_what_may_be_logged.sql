-- What a trainer or a monitor says is looked at before it is a row: figures that are none, a name that looks like another's.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

create or replace function lepinet.log_model_version(
  version_name text, file_path text, training_image_count integer, accuracy_score double precision, revision text, notes text,
  links jsonb, metrics jsonb, created_at timestamptz, repository text
) returns jsonb
  language plpgsql security definer set search_path = '' as $$
#variable_conflict use_column
declare
  a alias for $1;
  v public.model_versions;
  core integer[];
begin
  perform lepinet.require_user_role('trainer');
  perform lepinet.require_repository(log_model_version.repository);
  if coalesce(a, '') !~ '\S' or coalesce(log_model_version.file_path, '') !~ '\S' then
    perform lepinet.refuse('PT400', 'a version needs a name and a file_path');
  end if;
  -- Two names that look alike are one to whoever reads them; a row from before this rule keeps its name.
  if a ~ '^\s|\s$|[\u0001-\u001f\u007f-\u009f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]'
     and not exists (select from public.model_versions m where m.version_name = a) then
    perform lepinet.refuse('PT400', 'version_name has a space at an end, or a character that cannot be seen', 'log it without');
  end if;
  if log_model_version.training_image_count < 0 then
    perform lepinet.refuse('PT400', format('training_image_count is %s, and counts images', log_model_version.training_image_count));
  end if;
  if log_model_version.created_at not between '1970-01-01Z' and '2999-12-31Z' then
    perform lepinet.refuse('PT400', format('created_at is %s, and must lie between 1970 and 2999', log_model_version.created_at));
  end if;
  if log_model_version.accuracy_score not between 0 and 1 then
    perform lepinet.refuse('PT400', format('accuracy_score is %s, and must lie between 0 and 1', log_model_version.accuracy_score));
  end if;
  insert into public.model_versions
      (version_name, file_path, training_image_count, accuracy_score, revision, notes, links, metrics, created_at)
    values (a, log_model_version.file_path, log_model_version.training_image_count, log_model_version.accuracy_score,
      log_model_version.revision, log_model_version.notes, log_model_version.links, log_model_version.metrics,
      coalesce(log_model_version.created_at, clock_timestamp()))
    on conflict (version_name) do nothing
    returning * into v;
  if found then
    return to_jsonb(v) || '{"created": true}';
  end if;
  select * into v from public.model_versions m where m.version_name = a for update;
  if v.file_path <> log_model_version.file_path or v.revision <> log_model_version.revision then
    if a ~ '^v\d{1,9}\.\d{1,9}\.\d{1,9}$' then
      select max(string_to_array(substr(m.version_name, 2), '.')::integer[]) into core
        from public.model_versions m
        where m.version_name ~ ('^' || replace(regexp_replace(a, '\d+$', ''), '.', '\.') || '\d{1,9}$');
    end if;
    perform lepinet.refuse('PT409',
      format('%s is taken: %s @ %s, logged %s; you are logging %s @ %s. A version never changes.', a, v.file_path,
        coalesce(left(replace(v.revision, 'sha256:', ''), 7), 'no revision'), to_char(v.created_at, 'FMDD Mon YYYY'),
        log_model_version.file_path, coalesce(left(replace(log_model_version.revision, 'sha256:', ''), 7), 'no revision')),
      case when core is not null then format('next free: v%s.%s.%s', core[1], core[2], core[3] + 1) end);
  end if;
  if lepinet.is_user() and lepinet.was_shipped(v) then
    return to_jsonb(v) || '{"created": false}';
  end if;
  update public.model_versions m set
      revision = coalesce(m.revision, log_model_version.revision),
      training_image_count = coalesce(m.training_image_count, log_model_version.training_image_count),
      accuracy_score = coalesce(m.accuracy_score, log_model_version.accuracy_score),
      notes = coalesce(m.notes, log_model_version.notes),
      links = coalesce(m.links, log_model_version.links),
      metrics = coalesce(m.metrics, log_model_version.metrics)
    where m.id = v.id returning m.* into v;
  return to_jsonb(v) || '{"created": false}';
end
$$;

create or replace function lepinet.log_model_performance(
  id uuid, version_name text, kind text, test_accuracy double precision, test_sample_size integer,
  environment text default null, top3_accuracy double precision default null, notes text default null,
  details jsonb default null, commit_sha text default null
) returns void
  language plpgsql security definer set search_path = '' as $$
#variable_conflict use_column
begin
  if log_model_performance.kind = 'monitor' then
    perform lepinet.require_user_role('monitor');
  else
    perform lepinet.require_user_role();
  end if;
  if log_model_performance.test_accuracy not between 0 and 1 or log_model_performance.top3_accuracy not between 0 and 1 then
    perform lepinet.refuse('PT400', format('test_accuracy is %s and top3_accuracy %s, and each must lie between 0 and 1',
      coalesce(log_model_performance.test_accuracy::text, 'null'), coalesce(log_model_performance.top3_accuracy::text, 'null')));
  end if;
  if log_model_performance.test_sample_size < 0 then
    perform lepinet.refuse('PT400', format('test_sample_size is %s, and counts images', log_model_performance.test_sample_size));
  end if;
  if log_model_performance.environment is not null
     and not exists (select from public.environments e where e.name = log_model_performance.environment) then
    perform lepinet.refuse('PT404', format('this registry has no environment %s', log_model_performance.environment),
      'lepinet db migrate makes the environments of models.yaml known to it');
  end if;
  insert into public.model_performance_logs
      (id, model_version_id, environment, kind, test_accuracy, test_sample_size, top3_accuracy, notes, details, commit_sha)
    values (log_model_performance.id, lepinet.version_id(log_model_performance.version_name), log_model_performance.environment,
      log_model_performance.kind, log_model_performance.test_accuracy, log_model_performance.test_sample_size,
      log_model_performance.top3_accuracy, log_model_performance.notes, log_model_performance.details,
      log_model_performance.commit_sha)
    on conflict (id) do nothing;
end
$$;

notify pgrst, 'reload schema';

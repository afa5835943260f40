-- A table of performance logs that was made by hand may call its key's rule as it likes.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

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

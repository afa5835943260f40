-- A registry that was made by hand may lack what the old guide's tables have: columns, defaults, the rule that a version
-- has a name and files. Rows that would break that rule were settled before: lepinet db migrate lists them.
-- Where there is no such registry, this does nothing.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

alter table if exists public.model_versions
  add column if not exists training_image_count integer,
  add column if not exists accuracy_score double precision,
  add column if not exists is_active boolean default false,
  add column if not exists created_at timestamp with time zone;
alter table if exists public.model_versions
  alter column id set default gen_random_uuid(),
  alter column version_name set not null,
  alter column file_path set not null,
  alter column is_active set default false,
  alter column created_at set default now();

alter table if exists public.model_performance_logs
  add column if not exists test_date timestamp with time zone,
  add column if not exists test_accuracy double precision,
  add column if not exists test_sample_size integer,
  add column if not exists notes text;
alter table if exists public.model_performance_logs
  alter column id set default gen_random_uuid(),
  alter column test_date set default now();

notify pgrst, 'reload schema';

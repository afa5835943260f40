-- What no run writes and a hand can: a lease without end, which nobody ever takes over, and a commit that is none.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

update public.environments set claimant = null, claimant_label = null, claimant_commit = null, lease_until = null
  where not isfinite(lease_until);
update public.environments set generation = null, commit_sha = null
  where commit_sha !~ '^([0-9a-f]{40}|[0-9a-f]{64})$';
alter table public.environments drop constraint if exists environments_lease_ends;
alter table public.environments add constraint environments_lease_ends check (isfinite(lease_until));
alter table public.environments drop constraint if exists environments_commit;
alter table public.environments add constraint environments_commit check (commit_sha ~ '^([0-9a-f]{40}|[0-9a-f]{64})$');

notify pgrst, 'reload schema';

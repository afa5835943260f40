-- A lease without its end, or an end without a holder, can only be a hand's: nobody could ever take it over.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

update public.environments set claimant = null, claimant_label = null, claimant_commit = null, lease_until = null
  where (claimant is null) <> (lease_until is null);
alter table public.environments drop constraint if exists environments_whole_lease;
alter table public.environments add constraint environments_whole_lease
  check ((claimant is null) = (lease_until is null));

notify pgrst, 'reload schema';

# Copies rows that are newer than the last copy into the online store, for every feature view.
exec feast --chdir /etc/cnai materialize-incremental "$(date --utc +%Y-%m-%dT%H:%M:%S)"

#!/usr/bin/env bash
# Back up the archive while it runs: backup.sh DIRECTORY
#
# Writes DIRECTORY/<UTC time>/ (the database and what is needed to check it) and adds new files to DIRECTORY/files,
# DIRECTORY/maps and DIRECTORY/upper_limits, which all backups share: their files never change, so nothing there is
# ever overwritten or removed. A file is in the archive's store before the database knows it, so the database is
# dumped first and everything that it names is then there to copy.
#
# Environment: ARCHIPELAGO_DATA, DATABASE_URL (absent: the embedded server), as for the services.
# KEEP: number of database dumps to keep (default: all).
set -euo pipefail
umask 027
. "$(dirname "$0")/common.sh"

[ $# -eq 1 ] || fail "usage: $(basename "$0") DIRECTORY"
target=$1
keep=${KEEP:-0}
[[ $keep =~ ^[0-9]+$ ]] || fail "KEEP is '$keep'; expected a number of dumps to keep, 0 for all."
[ -d "$data" ] || fail "the data directory $data does not exist: set ARCHIPELAGO_DATA."
mkdir -p "$target" || fail "$target can not be made: choose a directory that this user may write to."
target=$(cd "$target" && pwd)
case $target/ in "$(cd "$data" && pwd)"/*) fail "$target lies in the archive's own data directory: choose another place." ;; esac

exec 9> "$target/.lock"
flock --nonblock 9 || fail "another backup to $target is running."

name=$(date --utc +%Y%m%dT%H%M%SZ)
aside=$target/.$name
trap 'rm -rf "$aside"' EXIT
mkdir "$aside"

echo "Backup $name"
client pg_dump --format=custom --no-owner --no-privileges > "$aside/database.dump"
echo "  database: $(stat --format=%s "$aside/database.dump") bytes"
for tree in "${trees[@]}"; do
  if [ -d "$data/$tree" ]; then copy_missing "$data/$tree" "$target/$tree"; fi
done
{
  echo "time $name"
  echo "release $(ask 'SELECT r.name FROM archive_currentrelease c JOIN archive_release r ON r.number = c.release_id')"
  echo "server $(ask 'SHOW server_version')"
  for tree in "${trees[@]}"; do
    [ ! -d "$target/$tree" ] || echo "files_in_$tree $(list_files "$target/$tree" | wc -l)"
  done
} > "$aside/about.txt"
(cd "$aside" && sha256sum about.txt database.dump > sha256sums.txt)
sync --file-system "$aside"
mv "$aside" "$target/$name"
trap - EXIT

if [ "$keep" -gt 0 ]; then
  find "$target" -mindepth 1 -maxdepth 1 -type d -name '????????T??????Z' | LC_ALL=C sort --reverse | tail -n +$((keep + 1)) |
    while read -r old; do
      rm -rf "$old"
      echo "  removed the older dump $(basename "$old")"
    done
fi
echo "Written: $target/$name"

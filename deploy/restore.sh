#!/usr/bin/env bash
# Restore a backup onto an empty place: restore.sh BACKUP (a directory <UTC time> that backup.sh has written)
#
# The database must exist and be empty, the data directory must hold no files: nothing is ever overwritten. Checks the
# dump's digest, the digest of every product file (its name), and that each file the database names is there.
#
# Environment: ARCHIPELAGO_DATA, DATABASE_URL (absent: the embedded server), as for the services.
set -euo pipefail
. "$(dirname "$0")/common.sh"

[ $# -eq 1 ] || fail "usage: $(basename "$0") BACKUP_DIRECTORY/<UTC time>"
[ -f "$1/database.dump" ] || fail "$1 is no backup: it has no database.dump."
backup=$(cd "$1" && pwd)
store=$(dirname "$backup")

(cd "$backup" && sha256sum --check --strict --quiet sha256sums.txt) || fail "$backup is damaged: take another backup."
for tree in "${trees[@]}"; do
  if [ -d "$data/$tree" ] && [ -n "$(list_files "$data/$tree" | head -1)" ]; then
    fail "$data/$tree is not empty: restore into a new data directory (ARCHIPELAGO_DATA)."
  fi
done
mkdir -p "$data"
tables=$(ask "SELECT count(*) FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')")
[ "$tables" -eq 0 ] || fail "the database has $tables tables: restore into a new, empty database (DATABASE_URL)."

echo "Restoring $(basename "$backup")"
sed 's/^/  /' "$backup/about.txt"
for tree in "${trees[@]}"; do
  if [ -d "$store/$tree" ]; then copy_missing "$store/$tree" "$data/$tree"; fi
done
client pg_restore --no-owner --no-privileges --single-transaction --exit-on-error < "$backup/database.dump"
migrate # the published views, with this installation's address, and their grants

echo "Checking"
if [ -d "$data/files" ]; then
  (cd "$data/files" && list_files . | while read -r path; do echo "${path##*/}  $path"; done | sha256sum --check --strict --quiet) ||
    fail "some product files differ from their digests (named above): copy these from another backup."
fi
missing=0
while read -r digest; do
  if [ -n "$digest" ] && [ ! -f "$data/files/${digest:0:2}/$digest" ]; then
    echo "  missing: $digest"
    missing=$((missing + 1))
  fi
done < <(ask 'SELECT DISTINCT sha256 FROM archive_productfile')
[ "$missing" -eq 0 ] || fail "$missing files that the database names are not in the backup (listed above)."
while read -r version; do
  [ -z "$version" ] || [ -f "$data/maps/$version/manifest.json" ] || fail "the map version $version is not in the backup."
done < <(ask 'SELECT DISTINCT map_version FROM archive_release')
expected=$(sed -n 's/^release //p' "$backup/about.txt")
found=$(ask 'SELECT r.name FROM archive_currentrelease c JOIN archive_release r ON r.number = c.release_id')
[ "$expected" = "$found" ] || fail "the backup was of release '$expected', but '$found' is served: report this as a fault."
echo "Restored: release ${found:-none}, $(ask 'SELECT count(*) FROM archive_productfile') product files."

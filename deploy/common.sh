# Shared by backup.sh and restore.sh; read, not run.
# shellcheck shell=bash disable=SC2034  # the variables are used by the scripts that read this file

checkout=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
data=${ARCHIPELAGO_DATA:-$checkout/var}
python=${ARCHIPELAGO_VENV:-$checkout/.venv}/bin/python
# Immutable trees below the data directory: what lies in them is complete and never changes.
trees=(files maps upper_limits)

# Print one sentence and end.
fail() {
  echo "$(basename "$0"): $*" >&2
  exit 1
}

# Run a client program of PostgreSQL on the archive's database: client pg_dump --format=custom
client() {
  local program=$1
  shift
  if [ -n "${DATABASE_URL:-}" ]; then
    "$program" --dbname="$DATABASE_URL" "$@"
  else
    "$python" "$checkout/deploy/embedded.py" "$program" "$@"
  fi
}

# Answer one SQL statement as plain text, a row a line.
ask() {
  client psql --no-psqlrc --quiet --no-align --tuples-only --set ON_ERROR_STOP=1 --command "$1"
}

# Relative paths of the complete files below a directory; what is still being written begins with a dot.
list_files() {
  (cd "$1" && find . -name '.?*' -prune -o -type f -print | LC_ALL=C sort)
}

# Bring the files that $2 lacks from $1, each appearing whole: copy aside on the same disk, flush, link into place.
copy_missing() {
  local from=$1 to=$2 aside=$2/.incoming
  mkdir -p "$to"
  rm -rf "$aside"
  mkdir "$aside"
  LC_ALL=C comm -23 <(list_files "$from") <(list_files "$to") > "$aside/.list"
  tar --create --directory "$from" --no-recursion --verbatim-files-from --files-from "$aside/.list" | tar --extract --preserve-permissions --directory "$aside"
  local copied
  copied=$(wc -l < "$aside/.list")
  rm "$aside/.list"
  sync --file-system "$aside"
  cp --archive --link "$aside/." "$to/"
  rm -rf "$aside"
  echo "  $(basename "$to"): $copied new files"
}

# Make tables and published views; the launcher is asked where no secret key is set, for it makes one.
migrate() {
  if [ -n "${ARCHIPELAGO_SECRET_KEY:-}" ]; then
    (cd / && PYTHONPATH=$checkout PYTHONSAFEPATH=1 ARCHIPELAGO_DATA=$data "$python" -m archive.cli migrate --verbosity 0)
  else
    "$checkout/archipelago" migrate --verbosity 0
  fi
}

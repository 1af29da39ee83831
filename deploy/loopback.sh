#!/usr/bin/env bash
# Bring the whole deployment up on loopback, try it, and take it down: PostgreSQL, Redis and nginx of Debian's packages,
# web server, job worker and scheduler exactly as the systemd units start them, nginx with deploy/nginx.conf.
#
#   deploy/loopback.sh              about two minutes; exit code 0 when every check has passed
#   deploy/loopback.sh --hold       leave it up until Ctrl-C
#
# Everything lies in one temporary directory, which is removed at the end; nothing is left running. Needs Debian 12 or
# newer and the libraries of the archive (.venv). Missing packages are installed when run as root.
#
# Environment: LOOPBACK_PORT first of four consecutive ports (default 18080), LOOPBACK_TIME_S limit of the whole run
# (default 900), LOOPBACK_WINDOWS size of the simulated mission in science windows (default 300), SMOKE_SKIP checks of
# smoke.py to leave out, LOOPBACK_THEN a command to run while all is up, with the address as its last argument.
set -euo pipefail

checkout=$(cd "$(dirname "$0")/.." && pwd)
venv=${ARCHIPELAGO_VENV:-$checkout/.venv}
first=${LOOPBACK_PORT:-18080}
limit=${LOOPBACK_TIME_S:-900}
windows=${LOOPBACK_WINDOWS:-300}
hold=${1:-}

if [ -z "${LOOPBACK_INSIDE:-}" ]; then
  # The limit on time: this same script as a child that is told to stop, cleans up, and is killed if it does not.
  trap 'kill -TERM "$child" 2>/dev/null' INT TERM
  LOOPBACK_INSIDE=1 timeout --kill-after=60 "$limit" "$0" "$@" &
  child=$!
  code=0
  wait "$child" || code=$?
  [ $code -le 128 ] || wait "$child" || code=$?
  [ $code -ne 124 ] || echo "loopback: not done within $limit s (LOOPBACK_TIME_S); taken down." >&2
  exit $code
fi

http=$first web=$((first + 1)) postgres_port=$((first + 2)) redis_port=$((first + 3))
base=http://127.0.0.1:$http
place=$(mktemp -d "${TMPDIR:-/tmp}/archipelago-loopback.XXXXXX")
chmod 755 "$place"
declare -A running=() # name -> process id, in the order of the list `started`
started=()
step=preparing

say() { echo "== $*"; }
fail() {
  echo "loopback: $*" >&2
  exit 1
}

# ---------------------------------------------------------------------------------------------------------- taking down
stop_one() {
  local name=$1 pid=${running[$1]:-} signal=${2:-TERM}
  [ -n "$pid" ] || return 0
  kill -s "$signal" "$pid" 2> /dev/null || true
  for _ in $(seq 150); do
    kill -0 "$pid" 2> /dev/null || break
    sleep 0.1
  done
  if kill -0 "$pid" 2> /dev/null; then
    echo "loopback: $name does not stop; killing it" >&2
    kill -KILL -- "-$pid" 2> /dev/null || kill -KILL "$pid" 2> /dev/null || true
  fi
  wait "$pid" 2> /dev/null || true
  unset "running[$name]"
}

take_down() {
  local code=$?
  trap - EXIT
  trap '' INT TERM
  if [ $code -ne 0 ]; then
    echo "loopback: failed while $step; ends of the logs:" >&2
    for log in "$place"/log/*.log "$place"/data/log/*.log; do
      if [ -s "$log" ]; then
        echo "-- $(basename "$log")" >&2
        tail -n 15 "$log" >&2
      fi
    done
  fi
  local index
  for ((index = ${#started[@]} - 1; index >= 0; index--)); do
    if [ "${started[index]}" = postgres ]; then stop_one postgres INT; else stop_one "${started[index]}"; fi
  done
  local left=0 port
  for port in $http $web $postgres_port $redis_port; do
    if (: < "/dev/tcp/127.0.0.1/$port") 2> /dev/null; then
      echo "loopback: something still listens on port $port" >&2
      left=1
    fi
  done
  rm -rf "$place"
  [ $code -eq 0 ] && [ $left -eq 1 ] && code=1
  if [ $code -eq 0 ]; then say "taken down; everything passed in $SECONDS s"; else say "taken down after $SECONDS s"; fi
  exit $code
}
trap take_down EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# ------------------------------------------------------------------------------------------------------------- packages
step="looking for Debian's packages"
find_postgres() { find /usr/lib/postgresql/*/bin -name postgres 2> /dev/null | sort -V | tail -1; }
missing=()
[ -n "$(find_postgres)" ] || missing+=(postgresql)
command -v redis-server > /dev/null || missing+=(redis-server)
[ -x /usr/sbin/nginx ] || missing+=(nginx)
if [ ${#missing[@]} -gt 0 ]; then
  [ "$(id -u)" -eq 0 ] || fail "install these packages first: apt-get install ${missing[*]}"
  say "installing ${missing[*]}"
  guard=/usr/sbin/policy-rc.d # Debian's way to install a server without starting it
  mkdir -p "$place/log"
  [ -e $guard ] || { printf '#!/bin/sh\nexit 101\n' > $guard && chmod 755 $guard && made_guard=1; }
  (apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}") \
    > "$place/log/apt.log" 2>&1 || { [ -z "${made_guard:-}" ] || rm $guard; fail "apt-get install ${missing[*]} failed"; }
  [ -z "${made_guard:-}" ] || rm $guard
fi
pg=$(dirname "$(find_postgres)")
export PATH=$pg:/usr/sbin:$PATH
[ -x "$venv/bin/granian" ] || fail "$venv has no libraries: run ./archipelago help once, or set ARCHIPELAGO_VENV."
for port in $http $web $postgres_port $redis_port; do
  ! (: < "/dev/tcp/127.0.0.1/$port") 2> /dev/null || fail "port $port is in use: set LOOPBACK_PORT to the first of four free ports."
done

# ---------------------------------------------------------------------------------------------------------- who runs it
# PostgreSQL refuses root. The archive runs as nobody where nobody can read it (as in a deployment), else as the caller.
as_server=() as_archive=()
if [ "$(id -u)" -eq 0 ]; then
  as_server=(setpriv --reuid=postgres --regid=postgres --clear-groups)
  if setpriv --reuid=nobody --regid=nogroup --clear-groups env HOME=/ PYTHONPATH="$checkout" PYTHONDONTWRITEBYTECODE=1 \
    "$venv/bin/python" -c 'import archive.errors, django' 2> /dev/null; then
    as_archive=(setpriv --reuid=nobody --regid=nogroup --clear-groups)
  fi
fi
mkdir -p "$place"/{log,run,postgres,redis,nginx,data,backup,delivery,home}
if [ "$(id -u)" -eq 0 ]; then
  chown postgres "$place"/{run,postgres}
  [ ${#as_archive[@]} -eq 0 ] || chown nobody "$place"/{data,backup,delivery,home}
fi
say "the archive runs as $("${as_archive[@]}" id -un), data in $place"

# start NAME COMMAND...: in a session of its own, so that a signal for us is not one for it; output to log/NAME.log
start() {
  local name=$1
  shift
  setsid "$@" > "$place/log/$name.log" 2>&1 < /dev/null &
  running[$name]=$!
  started+=("$name")
}

# await SECONDS WHAT COMMAND...: repeat the command until it succeeds
await() {
  local deadline=$((SECONDS + $1)) what=$2 name
  shift 2
  until "$@" > /dev/null 2>&1; do
    for name in "${!running[@]}"; do
      kill -0 "${running[$name]}" 2> /dev/null || fail "$name has ended while waiting for $what"
    done
    [ $SECONDS -lt $deadline ] || fail "$what did not come within the time"
    sleep 0.2
  done
}

archipelago() { (cd "$place/home" && "${as_archive[@]}" "$venv/bin/python" -m archive.cli "$@"); }
python() { (cd "$place/home" && "${as_archive[@]}" "$venv/bin/python" "$@"); }
psql_as_owner() { "${as_server[@]}" psql --no-psqlrc -qAt -v ON_ERROR_STOP=1 -h "$place/run" -p "$postgres_port" -d postgres "$@"; }

# Start what a systemd unit's ExecStart says, at this place instead of the installed one.
start_unit() {
  local name=$1 line
  line=$(sed -n 's/^ExecStart=//p' "$checkout/deploy/systemd/archipelago-$name.service")
  line=${line//\/opt\/archipelago\/.venv/$venv}
  line=${line//\/var\/lib\/archipelago/$place\/data}
  line=${line/--port 8000/--port $web}
  read -ra words <<< "$line"
  (cd "$checkout" && :)
  start "$name" env --chdir="$checkout" "${as_archive[@]}" "${words[@]}"
}

# ---------------------------------------------------------------------------------------------------- database and broker
step="starting PostgreSQL"
say "PostgreSQL $(postgres --version | sed 's/[^0-9]*//; s/ .*//'), $(redis-server --version | cut -d' ' -f1-3), $(nginx -v 2>&1 | sed 's/.*: //')"
"${as_server[@]}" initdb --pgdata="$place/postgres" --username=postgres --auth=trust --encoding=UTF8 --locale=C.UTF-8 --no-sync > "$place/log/initdb.log"
start postgres "${as_server[@]}" postgres -D "$place/postgres" -k "$place/run" -p "$postgres_port" -c listen_addresses=127.0.0.1 -c fsync=off
await 60 "PostgreSQL" psql_as_owner -c 'SELECT 1'
psql_as_owner -f "$checkout/deploy/database.sql" > /dev/null
psql_as_owner -c "CREATE DATABASE restored OWNER archipelago TEMPLATE template0 ENCODING 'UTF8'"
step="starting Redis"
start redis redis-server --bind 127.0.0.1 --port "$redis_port" --dir "$place/redis" --save '' --appendonly no --loglevel warning
await 30 "Redis" redis-cli -p "$redis_port" ping

set -a
# shellcheck source=archipelago.env.example
. "$checkout/deploy/archipelago.env.example"
set +a
ARCHIPELAGO_SECRET_KEY=$(head -c 40 /dev/urandom | base64 --wrap=0)
export ARCHIPELAGO_SECRET_KEY ARCHIPELAGO_PUBLIC_URL=$base ARCHIPELAGO_ALLOWED_HOSTS=127.0.0.1 ARCHIPELAGO_DATA=$place/data
export DATABASE_URL="postgresql://archipelago@127.0.0.1:$postgres_port/archipelago"
export CELERY_BROKER_URL="redis://127.0.0.1:$redis_port/0"
export DJANGO_SETTINGS_MODULE=archive.settings PYTHONPATH=$checkout PYTHONSAFEPATH=1 PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
export HOME=$place/home

# -------------------------------------------------------------------------------------------------------------- the archive
status_is() { [ "$(python -c 'import sys, urllib.request, urllib.error
try: print(urllib.request.urlopen(sys.argv[1], timeout=20).status)
except urllib.error.HTTPError as error: print(error.code)' "$2")" = "$1" ]; }
step="making the tables"
archipelago migrate --verbosity 0
[ -f "$checkout/archive/static/vendor/installed.json" ] || "$venv/bin/python" -m archive.cli assets
step="starting web server, worker and nginx"
start_unit web
start_unit worker
await 60 "the web server" status_is 200 "http://127.0.0.1:$web/robots.txt"
sed -e "s/listen 80;/listen 127.0.0.1:$http;/" -e "s/server 127.0.0.1:8000;/server 127.0.0.1:$web;/" \
  -e "s/archive.example.org/127.0.0.1/" -e "s#/var/cache/nginx#$place/nginx#" -e "s#/var/log/nginx#$place/log#" \
  "$checkout/deploy/nginx.conf" > "$place/nginx/site.conf"
cat > "$place/nginx/nginx.conf" << CONF
daemon off;
pid $place/nginx/pid;
error_log $place/log/nginx-error.log;
events { worker_connections 512; }
http {
    include /etc/nginx/mime.types;
    client_body_temp_path $place/nginx/body;
    proxy_temp_path $place/nginx/proxy;
    fastcgi_temp_path $place/nginx/fastcgi;
    uwsgi_temp_path $place/nginx/uwsgi;
    scgi_temp_path $place/nginx/scgi;
    include $place/nginx/site.conf;
}
CONF
nginx -t -q -c "$place/nginx/nginx.conf" -e "$place/log/nginx-error.log"
start nginx nginx -c "$place/nginx/nginx.conf" -e "$place/log/nginx-error.log"
await 60 "the home page through nginx" status_is 200 "$base/"
say "up at $base after $SECONDS s"

step="ingesting a simulated mission by the worker"
say "a simulated mission of $windows science windows, ingested by the worker"
archipelago simulate "$place/delivery/mission" --science-windows "$windows" --order 7 --products 3 > "$place/log/simulate.log"
# The scheduler is not running yet: only a message through Redis can wake the worker.
step="running a job by a message through Redis"
python "$checkout/deploy/loopback_job.py" "$place/delivery/mission" --wait 300
commands=$(redis-cli -p "$redis_port" info commandstats | grep -c 'cmdstat_lpush' || true)
[ "$commands" -gt 0 ] || fail "no message has gone through Redis"
# Now without a message: the scheduler's sweep must find the waiting job. The delivery is known, so nothing changes.
step="running a job found by the scheduler's sweep"
start_unit scheduler
python "$checkout/deploy/loopback_job.py" "$place/delivery/mission" --wait 120 --quiet-job

# --------------------------------------------------------------------------------------------------------------- checks
step="asking through nginx"
say "questions through nginx"
skip=()
for name in ${SMOKE_SKIP:-}; do skip+=(--skip "$name"); done
python "$checkout/deploy/smoke.py" "$base" "${skip[@]}"

step="checking nginx's own errors and cache"
python "$checkout/deploy/loopback_proxy.py" "$base"

if [ -n "${LOOPBACK_THEN:-}" ]; then
  step="running $LOOPBACK_THEN"
  say "$LOOPBACK_THEN"
  read -ra words <<< "$LOOPBACK_THEN"
  (cd "$place/home" && "${as_archive[@]}" "${words[@]}" "$base")
fi

step="backing up and restoring"
say "backup, and restore onto an empty place"
"${as_archive[@]}" "$checkout/deploy/backup.sh" "$place/backup"
"${as_archive[@]}" "$checkout/deploy/backup.sh" "$place/backup" | grep 'new files' | grep -v ' 0 new' && fail "the second backup copied files again"
latest=$(find "$place/backup" -maxdepth 1 -name '????????T??????Z' | sort | tail -1)
counts="SELECT (SELECT count(*) FROM integral.science_windows), (SELECT count(*) FROM integral.products), (SELECT count(*) FROM tap_schema.columns)"
before=$(psql "$DATABASE_URL" -qAt -c "$counts")
(
  export DATABASE_URL="postgresql://archipelago@127.0.0.1:$postgres_port/restored" ARCHIPELAGO_DATA=$place/data/restored
  "${as_archive[@]}" "$checkout/deploy/restore.sh" "$latest"
  after=$(psql "$DATABASE_URL" -qAt -c "$counts")
  [ "$before" = "$after" ] || fail "restored tables differ: $before before, $after after"
  ! "${as_archive[@]}" "$checkout/deploy/restore.sh" "$latest" 2> "$place/log/refused.txt" || fail "a second restore was not refused"
  grep -q "not empty" "$place/log/refused.txt" || fail "a second restore was refused for another reason: $(cat "$place/log/refused.txt")"
)

step="stopping the web server under nginx"
say "the archive is down: what clients of nginx get"
stop_one web
python "$checkout/deploy/loopback_proxy.py" "$base" --down
start_unit web
await 60 "the home page after a restart" status_is 200 "$base/"

if [ "$hold" = --hold ]; then
  say "held at $base; Ctrl-C takes it down"
  sleep infinity &
  wait $!
fi

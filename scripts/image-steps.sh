#!/usr/bin/env bash
# Runs the steps of the Dockerfile without Docker, in a temporary folder, and starts what they make: the files are those
# that .dockerignore lets through, the commands and variables those of the Dockerfile itself. Absolute paths of the image
# lie below a folder for each stage. Needs Node 24 on the PATH, as npm scripts have it, and what `npm ci` needs.
# shellcheck disable=SC2016 # what stands between single quotes is JavaScript
set -euo pipefail

repo=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/image-steps.XXXXXX")
engine_pid='' server_pid=''

say() { printf '== %s\n' "$*"; }
fail() {
  printf 'image-steps: %s\n' "$*" >&2
  exit 1
}

# Ends one of our processes: asks, waits up to 20 s, then insists.
end() {
  [[ -n $1 ]] && kill -TERM "$1" 2>/dev/null || return 0
  for _ in {1..200}; do
    kill -0 "$1" 2>/dev/null || return 0
    sleep 0.1
  done
  kill -KILL "$1" 2>/dev/null || true
}
clean_up() {
  end "$server_pid"
  end "$engine_pid"
  rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

# Like the image, which brings its own: this Node and npm, and no tool of the checkout's node_modules/.bin.
node_file=$(node -p process.execPath)
[[ $("$node_file" -p 'process.versions.node.split(".")[0]') == 24 ]] || fail 'this needs Node 24 on the PATH'
chmod 0755 "$work"
mkdir "$work/bin" "$work/context"
cp "$node_file" "$work/bin/node"
export PATH="$work/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
umask 022

# --- The Dockerfile, one instruction a line: without comments, continued lines joined.
instructions=$(awk '
  /^[ \t]*(#|$)/ { next }
  { sub(/^[ \t]+/, ""); if (sub(/\\$/, "")) { printf "%s", $0; next } print }
' "$repo/Dockerfile")
# The image's own folders; a command that names one gets the stage's counterpart.
folders=$(awk '$1 == "WORKDIR" { print $2 } $1 == "VOLUME" { gsub(/[^A-Za-z0-9_\/ .-]/, ""); print $2 }' \
  <<<"$instructions" | sort -u)

inside() { # inside STAGE_ROOT TEXT: TEXT with every folder of the image below STAGE_ROOT
  local text=$2 folder
  for folder in $folders; do text=$(sed -E "s#(^|[ ='\"])$folder(/|[ '\"]|\$)#\1$1$folder\2#g" <<<"$text"); done
  printf '%s' "$text"
}

# --- The context: what .dockerignore lets through of the files git knows or would add.
say 'context'
(cd "$repo" && git ls-files -z --cached --others --exclude-standard) | node -e '
  const { existsSync, readFileSync } = require("node:fs");
  const { matchesGlob } = require("node:path");
  const [ignoreFile, repo] = process.argv.slice(1);
  const lines = readFileSync(ignoreFile, "utf8").split("\n").map((line) => line.trim());
  const rules = lines.filter((line) => line && !line.startsWith("#")).map((line) => {
    const pattern = line.replace(/^!/, "").replace(/^\/|\/$/g, "");
    return { keeps: line.startsWith("!"), patterns: [pattern, `${pattern}/**`] };
  });
  const decides = (file) => rules.findLast((rule) => rule.patterns.some((pattern) => matchesGlob(file, pattern)));
  const files = readFileSync(0, "utf8").split("\0").filter(Boolean);
  const kept = files.filter((file) => (decides(file)?.keeps ?? true) && existsSync(`${repo}/${file}`));
  process.stdout.write(kept.map((file) => `${file}\0`).join(""));
' --no-warnings "$repo/.dockerignore" "$repo" >"$work/context.list" 2>"$work/context.errors" ||
  fail "the context: $(cat "$work/context.errors")"
[[ -s $work/context.list ]] || fail '.dockerignore lets nothing through'
tar -C "$repo" --null -T "$work/context.list" -cf - | tar -C "$work/context" -xf -

# --- The stages.
passed=(HOME="${HOME:-/}" PATH="$PATH")
for name in NODE_EXTRA_CA_CERTS SSL_CERT_FILE http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY; do
  [[ -n ${!name:-} ]] && passed+=("$name=${!name}")
done
# Only root may give files away; for anybody else the started process is the same user.
shims='chown() { :; }; '
[[ $(id -u) == 0 ]] && shims=''

copy() { # copy STAGE_ROOT FOLDER ARGUMENTS…, as COPY without patterns does
  local root=$1 folder=$2 from=$work/context to source
  shift 2
  while [[ ${1:-} == --* ]]; do
    [[ $1 == --from=* ]] || fail "this script does not know COPY $1"
    from=$work/stages/${1#--from=}
    shift
  done
  to=${*: -1}
  [[ $to == /* ]] && to=$root$to || to=$root$folder/$to
  for source in "${@:1:$#-1}"; do
    [[ -e $from/$source ]] || fail "COPY: the context or stage has no $source"
    if [[ -d $from/$source ]]; then
      mkdir -p "$to" && cp -a "$from/$source/." "$to/"
    elif [[ $to == */ || $to == */. ]]; then
      mkdir -p "$to" && cp -a "$from/$source" "$to/"
    else
      cp -a "$from/$source" "$to"
    fi
  done
}

root='' folder=/ user='' command='' health=''
declare -a variables=()
while read -r instruction rest; do
  case $instruction in
    FROM)
      read -r base _ stage <<<"$rest"
      root=$work/stages/$stage folder=/ user='' command='' health='' variables=()
      mkdir -p "$root"
      [[ $base == node:24-* ]] || fail "this script runs stages on Node 24, not on $base"
      say "stage $stage"
      ;;
    WORKDIR) folder=$rest && mkdir -p "$root$folder" ;;
    ENV) eval "variables+=($(inside "$root" "$rest"))" ;;
    COPY)
      read -ra words <<<"$rest"
      copy "$root" "$folder" "${words[@]}"
      ;;
    RUN)
      while [[ $rest == --mount=* ]]; do rest=${rest#* }; done
      say "$rest"
      (cd "$root$folder" && timeout 600 env -i "${passed[@]}" "${variables[@]}" \
        sh -ec "$shims$(inside "$root" "$rest")") || fail "the step failed: $rest"
      ;;
    USER) user=$rest ;;
    CMD) command=$rest ;;
    HEALTHCHECK) health=${rest#*CMD } ;;
    LABEL | VOLUME | EXPOSE | STOPSIGNAL) ;;
    *) fail "this script does not know $instruction" ;;
  esac
done <<<"$instructions"
final=$root$folder

say 'only production packages'
node -e '
  const { existsSync, readFileSync } = require("node:fs");
  const { packages } = JSON.parse(readFileSync("package-lock.json", "utf8"));
  const wrong = Object.entries(packages).filter(([path, pack]) => {
    const isThere = existsSync(`${process.argv[1]}/${path}`);
    const isEngine = path.startsWith("node_modules/@0q/");
    // Of optional packages only those for this platform are installed.
    if (!path || (pack.optional && !isEngine && !isThere)) return false;
    return isThere === Boolean(pack.dev || pack.devOptional || isEngine);
  });
  for (const [path] of wrong) console.error(path);
  process.exit(wrong.length > 0 ? 1 : 0);
' "$final" <"/dev/null" 2>"$work/wrong" || fail "packages that should not, or should, be there: $(head "$work/wrong")"

# --- A MongoDB: the build stage's embedded engine, reachable over TCP as a server in a container is.
say 'a MongoDB'
mkdir "$work/engine"
(cd "$work/stages/build$folder" && exec node --input-type=module -e '
  import { writeFileSync } from "node:fs";
  import { connect, createServer } from "node:net";
  import { defaultCacheDirectory } from "./dist/database/cache-directory.js";
  import { startEmbeddedEngine } from "./dist/database/embedded-engine.js";
  const [directory, report] = process.argv.slice(1);
  const engine = await startEmbeddedEngine({ directory, cacheDirectory: defaultCacheDirectory(), log: console.error });
  const path = decodeURIComponent(engine.uri.replace("mongodb://", ""));
  const server = createServer((client) => {
    const upstream = connect(path);
    client.pipe(upstream).pipe(client);
    for (const end of [client, upstream]) end.on("error", () => { client.destroy(); upstream.destroy(); });
  });
  process.once("SIGTERM", () => engine.stop().finally(() => process.exit(0)));
  server.listen(0, "127.0.0.1", () => writeFileSync(report, `mongodb://127.0.0.1:${server.address().port}/?directConnection=true`));
' "$work/engine/db" "$work/engine/uri") &
engine_pid=$!
for _ in {1..1200}; do
  [[ -s $work/engine/uri ]] && break
  kill -0 "$engine_pid" 2>/dev/null || fail 'the embedded engine did not start'
  sleep 0.1
done
uri=$(cat "$work/engine/uri") || fail 'the embedded engine was not ready in time'
secret=$(node -p 'require("node:crypto").randomBytes(48).toString("base64")')

# --- The final stage, with its own variables, user and command. A free port, since 4000 may be taken here.
port=$(node -e 'const s = require("node:net").createServer().listen(0, () => { console.log(s.address().port); s.close(); })')
as_user=()
[[ $(id -u) == 0 ]] && as_user=(setpriv "--reuid=${user%:*}" "--regid=${user#*:}" --clear-groups)
in_final() { # in_final JSON_COMMAND VARIABLES…: becomes the command, as the image would run it
  local words
  mapfile -t words < <(node -e 'for (const word of JSON.parse(process.argv[1])) console.log(word)' "$1")
  shift
  cd "$final"
  exec env -i PATH="$PATH" "${variables[@]}" PORT="$port" "$@" "${as_user[@]}" "${words[@]}"
}

refuses() { # refuses NAME VARIABLES…: the start must fail and name the variable
  local name=$1 code=0
  shift
  say "no start without $name"
  (in_final "$command" "$@") >"$work/refused" 2>&1 &
  server_pid=$!
  for _ in {1..300}; do
    kill -0 "$server_pid" 2>/dev/null || break
    sleep 0.1
  done
  kill -0 "$server_pid" 2>/dev/null && fail "it runs without $name"
  wait "$server_pid" || code=$?
  server_pid=''
  if [[ $code == 0 ]] || ! grep -q "$name must be set" "$work/refused"; then
    fail "without $name it ended with $code: $(cat "$work/refused")"
  fi
}
refuses JWT_SECRET "MONGODB_URI=$uri"
refuses MONGODB_URI "JWT_SECRET=$secret"

say 'start'
touch "$work/before"
(in_final "$command" "MONGODB_URI=$uri" "JWT_SECRET=$secret") >"$work/log" 2>&1 &
server_pid=$!
for _ in {1..300}; do
  (in_final "$health") && break
  kill -0 "$server_pid" 2>/dev/null || fail "it ended: $(cat "$work/log")"
  sleep 0.2
done
(in_final "$health") || fail "it was not ready in time: $(cat "$work/log")"

say 'stop'
kill -TERM "$server_pid"
for _ in {1..600}; do
  kill -0 "$server_pid" 2>/dev/null || break
  sleep 0.1
done
kill -0 "$server_pid" 2>/dev/null && fail 'it did not stop within 60 s of SIGTERM'
code=0
wait "$server_pid" || code=$?
server_pid=''
[[ $code == 0 ]] || fail "it stopped with $code: $(cat "$work/log")"
(in_final "$health") && fail 'the health check passes although nothing runs'
[[ -z $(find "$final" -newer "$work/before" -print -quit) ]] || fail 'the process wrote outside its volume'
say "the image's steps hold: $(du -sm "$final" | cut -f1) MB in $folder"

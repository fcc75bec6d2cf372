import { RunFiles, TIMEOUT_EXIT_CODE } from '../agent/run-files.ts';

/** The variables by which the wrapper is configured. */
export const WrapperVariables = {
  /** The directory shared with the gate. */
  RUN_DIRECTORY: 'KEELSON_RUN_DIRECTORY',
  /** How long the command may run, in seconds. */
  TIMEOUT: 'KEELSON_TIMEOUT_SECONDS',
  /** What the container does after the command has ended: {@link AfterCommand}. */
  AFTER: 'KEELSON_AFTER',
  /** How long a container that is kept stays, in seconds; 0 for as long as it is let. */
  KEEP: 'KEELSON_KEEP_SECONDS',
  /** Where the log of the run is kept beside the container's own; nowhere if empty. */
  OUTPUT_DIRECTORY: 'KEELSON_OUTPUT_DIRECTORY',
  /** Patterns of files that are kept when the command has succeeded, a line each. */
  ASSETS: 'KEELSON_ASSETS',
} as const;

/** What becomes of a build's container when its command has ended. */
export const AfterCommand = {
  /** It stays for examination. */
  KEEP: 'keep',
  /** It ends with the command's exit code. */
  EXIT: 'exit',
} as const;

/** A value of {@link AfterCommand}. */
export type AfterCommand = (typeof AfterCommand)[keyof typeof AfterCommand];

/**
 * The POSIX shell program that runs a build's command between the gate's go and its own end. It needs sh,
 * sleep, cat, mv, rm and mkdir, which any build image has; with tee and mkfifo it also keeps a log file, and
 * with cp the assets of a release.
 * See {@link RunFiles} for what it says to the gate.
 */
export const WRAPPER_SCRIPT: string = `#!/bin/sh
# Runs a build's command when the gate says so and records its result. Then the container is kept, or ends as the
# command did.
set -u
run=$${WrapperVariables.RUN_DIRECTORY}
output=$${WrapperVariables.OUTPUT_DIRECTORY}
command=

say() { printf 'keelson: %s\\n' "$*"; }

# Written whole, then renamed: the gate never reads half a file.
record() { printf '%s\\n' "$2" > "$run/$1.tmp" && mv -f "$run/$1.tmp" "$run/$1"; }

# A signal interrupts wait, but not a sleep in the foreground.
pause() { sleep "$1" & wait $!; }

# As a container's first process, -1 means every other process in it; elsewhere it would mean far too much.
if [ $$ -eq 1 ]; then everything() { printf '%s' -1; }; else everything() { printf '%s' "$command"; }; fi

stop() {
  [ -n "$command" ] || return 0
  kill -TERM "$(everything)" 2>/dev/null
  for _ in 1 2 3 4 5 6 7 8 9 10; do
    kill -0 "$command" 2>/dev/null || return 0
    sleep 1
  done
  kill -KILL "$(everything)" 2>/dev/null
}

# The log is whole when the result is recorded. What the command left behind may hold the pipe open for ever.
drain() {
  (pause 5; kill -KILL "$tee") 2>/dev/null &
  limit=$!
  wait "$tee"
  kill "$limit" 2>/dev/null
}

leave() {
  trap '' TERM INT
  say 'stopping'
  [ -z "$command" ] || kill -TERM "$(everything)" 2>/dev/null
  exit 143
}
trap leave TERM INT

# Keeps regular files for a release, under the paths that they have. Each pattern has to find one.
keep_assets() (
  IFS='
'
  set -f
  for pattern in $${WrapperVariables.ASSETS}; do
    set +f
    found=
    for file in $pattern; do
      [ -f "$file" ] && [ ! -h "$file" ] || continue
      case $file in */*) directory=$output/assets/\${file%/*} ;; *) directory=$output/assets ;; esac
      mkdir -p "$directory" && cp "$file" "$directory/" || exit 1
      found=1
    done
    [ -n "$found" ] || { say "no file matches $pattern"; exit 1; }
  done
)

attempt=$(cat "$run/${RunFiles.ATTEMPT}" 2>/dev/null || printf 0)
attempt=$((attempt + 1))
rm -f "$run/${RunFiles.GO}" "$run/${RunFiles.RESULT}" "$run/timed-out"
record ${RunFiles.ATTEMPT} "$attempt"
say "attempt $attempt is waiting for the gate"

answered=
decision=
while [ "$answered" != "$attempt" ]; do
  pause 1
  [ -r "$run/${RunFiles.GO}" ] && read -r answered decision < "$run/${RunFiles.GO}"
done

code=0
if [ "$decision" = run ]; then
  say "running $*"
  log=
  if [ -n "$output" ] && command -v tee > /dev/null && command -v mkfifo > /dev/null &&
    mkdir -p "$output" && rm -f "$run/pipe" && mkfifo "$run/pipe"; then
    log=$output/build.log
    # tee outlives the command's processes, or the end of the log would be lost.
    (trap '' TERM INT; exec tee -a "$log" < "$run/pipe") &
    tee=$!
    "$@" > "$run/pipe" 2>&1 &
  else
    "$@" &
  fi
  command=$!
  (pause "$${WrapperVariables.TIMEOUT}"; : > "$run/timed-out"; stop) &
  watchdog=$!
  wait "$command"
  code=$?
  kill "$watchdog" 2>/dev/null
  command=
  [ -z "$log" ] || drain
  [ -e "$run/timed-out" ] && code=${TIMEOUT_EXIT_CODE}
  if [ "$code" -eq 0 ] && [ -n "$${WrapperVariables.ASSETS}" ] && ! keep_assets; then
    say 'the assets of the release could not be kept'
    code=1
  fi
  record ${RunFiles.RESULT} "$attempt $code"
  say "ended with exit code $code"
elif [ "$decision" = fail ]; then
  code=1
  say 'not run: what the build needs is not there'
else
  say "nothing to do: $decision"
fi

[ "$${WrapperVariables.AFTER}" != ${AfterCommand.EXIT} ] || exit "$code"
keep=$${WrapperVariables.KEEP}
if [ "$keep" -gt 0 ]; then
  say "keeping the container for $keep s"
  pause "$keep"
  exit "$code"
fi
say 'keeping the container until it is replaced'
while :; do pause 3600; done
`;

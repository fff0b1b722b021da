import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import type { Account } from './account.ts';
import { passwordFileName } from './cluster.ts';

/**
 * A small shell that owns the server and outlives us by a moment: it holds the read end of a pipe from
 * this process and, at its end (this process stopped, exited or was killed, SIGKILL included), stops what
 * runs and removes the throw-away folder. It has a session of its own, so that Ctrl-C does not reach it, and
 * outlasts a SIGTERM to everything, so that this process can drain first.
 *
 * SIGTERM goes first because a shell starts background programs with SIGINT and SIGQUIT ignored: a server
 * that has no handlers yet would miss those two.
 */
const guardScript = `
umask 077
exec 3<&0
sweep() { [ -z "$SCRATCH" ] || rm -rf -- "$SCRATCH"; }
finish() {
  trap '' USR1 HUP INT TERM
  kill -s TERM $! 2>/dev/null
  kill -s "$STOP_SIGNAL" $! 2>/dev/null
  wait $!
  sweep
  exit 0
}
ended() {
  while wait $!; status=$?; [ "$status" -gt 128 ] && kill -s 0 $! 2>/dev/null; do :; done
  return "$status"
}
fail() {
  kill -s KILL "$watcher"
  [ ! -f "$LOG" ] || tail -n 30 -- "$LOG" >&2
  [ -n "$SCRATCH" ] || rm -f -- "$LOG"
  sweep
  exit 1
}
IFS= read -r PASSWORD <&3
trap finish USR1
trap : HUP INT TERM
( trap '' HUP INT TERM; cat <&3 >/dev/null; kill -s USR1 $$ ) 2>/dev/null &
watcher=$!
if [ -n "$INITDB" ]; then
  mkdir -- "$SCRATCH" "$DATA" || fail
  printf %s "$PASSWORD" > "$SCRATCH/password" || fail
  ( cd -P -- "$DATA" && exec "$INITDB" -D "$DATA_ARGUMENT" --pwfile=../password $INITDB_OPTIONS ) \\
    >"$LOG" 2>&1 3<&- </dev/null &
  ended || fail
  mv -- "$SCRATCH/password" "$DATA/$PASSWORD_FILE" || fail
fi
unset PASSWORD
[ -n "$POSTGRES" ] || { kill -s KILL "$watcher"; exit 0; }
( cd -P -- "$DATA" && exec "$POSTGRES" -D "$DATA_ARGUMENT" "$@" ) >>"$LOG" 2>&1 3<&- </dev/null &
ended
fail
`;

/** What to run. Paths are relative to `cwd`. */
export interface GuardTask {
  readonly account: Account | undefined;
  /** Folder to start in; entered before the account is changed, so its parents may be closed to it. */
  readonly cwd: string;
  /** Made at the start, removed at the end. */
  readonly scratch?: string;
  readonly data: string;
  /** How the programs, started in the data folder, are to call it. */
  readonly dataArgument: string;
  readonly log: string;
  /** Makes the data folder, which then must be `<scratch>/data`. */
  readonly initialise?: {
    readonly program: string;
    readonly options: readonly string[];
    readonly password: string;
  };
  readonly serve?: { readonly program: string; readonly settings: Readonly<Record<string, string>> };
  /** `fast` ends with a checkpoint; `immediate` is for data that nobody wants. */
  readonly stop: 'fast' | 'immediate';
}

export interface Guard {
  /** Resolves when the guard and all it started are gone, with what was said last before a failure. */
  readonly ended: Promise<{ readonly failed: boolean; readonly output: string }>;
  /** A server nobody stops must not keep this process alive: when the process ends, so does the pipe. */
  release(): void;
  /** Stops what runs; resolves when it is gone. */
  stop(): Promise<void>;
}

export function startGuard(task: GuardTask): Guard {
  const settings = Object.entries(task.serve?.settings ?? {}).flatMap(([name, value]) => [
    '-c',
    `${name}=${value}`,
  ]);
  const child: ChildProcessByStdio<Writable, null, Readable> = spawn(
    '/bin/sh',
    ['-c', guardScript, 'holdfast-guard', ...settings],
    {
      cwd: task.cwd,
      detached: true,
      stdio: ['pipe', 'ignore', 'pipe'],
      // Nothing of our environment: PGDATA, PGPORT and the like would be obeyed.
      env: {
        PATH: process.env['PATH'] ?? '/usr/bin:/bin',
        LC_ALL: 'C',
        STOP_SIGNAL: task.stop === 'fast' ? 'INT' : 'QUIT',
        SCRATCH: task.scratch ?? '',
        DATA: task.data,
        DATA_ARGUMENT: task.dataArgument,
        LOG: task.log,
        INITDB: task.initialise?.program ?? '',
        INITDB_OPTIONS: task.initialise?.options.join(' ') ?? '',
        PASSWORD_FILE: passwordFileName,
        POSTGRES: task.serve?.program ?? '',
      },
      ...(task.account === undefined ? {} : { uid: task.account.uid, gid: task.account.gid }),
    },
  );
  const ended = new Promise<{ failed: boolean; output: string }>((resolve) => {
    let output = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      output = (output + text).slice(-8192);
    });
    child.once('error', (error) => resolve({ failed: true, output: error.message }));
    child.once('close', (code) => resolve({ failed: code !== 0, output: output.trim() }));
  });
  child.stdin.on('error', () => {});
  child.stdin.write(`${task.initialise?.password ?? ''}\n`);
  return {
    ended,
    release() {
      child.unref();
      for (const stream of [child.stdin, child.stderr]) (stream as { unref?(): void }).unref?.();
    },
    async stop() {
      child.ref();
      child.stdin.end();
      await ended;
    },
  };
}

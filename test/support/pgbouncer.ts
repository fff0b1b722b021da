import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmod, chown, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseUrl, withHost } from '../../src/database/index.ts';
import { freePort } from './free-port.ts';
import { waitFor } from './wait-for.ts';

/** A PgBouncer to test with. From 1.21 it follows prepared statements. */
export interface Pgbouncer {
  readonly program: string;
  readonly version: string;
  readonly followsPrepared: boolean;
}

/** The one on PATH (Debian: the package pgbouncer), and the one that HOLDFAST_PGBOUNCER names, each once. */
export function findPgbouncers(): readonly Pgbouncer[] {
  const programs = ['pgbouncer', process.env['HOLDFAST_PGBOUNCER']].filter(
    (name) => name !== undefined && name !== '',
  );
  const found = programs.flatMap((program): Pgbouncer[] => {
    const { status, stdout } = spawnSync(program!, ['--version'], {
      ...{ encoding: 'utf8', env: withSbin(), cwd: '/' },
      ...nobody(),
    });
    const match = /PgBouncer ((\d+)\.(\d+)\.\d+)/.exec(stdout ?? '');
    if (status !== 0 || !match) return [];
    const followsPrepared = Number(match[2]) > 1 || Number(match[3]) >= 21;
    return [{ program: program!, version: match[1]!, followsPrepared }];
  });
  return found.filter(({ version }, i) => found.findIndex((other) => other.version === version) === i);
}

/** PgBouncer in transaction mode with two server connections before the database of `url`. */
export async function startPgbouncer(
  { program, followsPrepared }: Pgbouncer,
  url: string,
): Promise<{ url: string } & AsyncDisposable> {
  const { hosts, user, password = '', database: name } = parseUrl(url);
  const [{ host, port: serverPort }] = hosts as [{ host: string; port: number }];
  const port = await freePort();
  const dir = await mkdtemp(join(tmpdir(), 'holdfast-pgbouncer-'));
  const config = join(dir, 'pgbouncer.ini');
  await writeFile(
    config,
    `[databases]
${name} = host=${host} port=${serverPort} dbname=${name} user=${user} password=${password}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 2
${followsPrepared ? 'max_prepared_statements = 100' : ''}
`,
  );
  const account = nobody();
  if (account) {
    await chown(dir, account.uid, account.gid);
    await chown(config, account.uid, account.gid);
    await chmod(config, 0o600);
  }
  const child = spawn(program, [config], {
    env: withSbin(),
    stdio: ['ignore', 'ignore', 'pipe'],
    ...account,
  });
  let log = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    log += text;
  });
  const exited = once(child, 'exit');
  await waitFor(() => {
    if (child.exitCode !== null) throw new Error(`pgbouncer ended: ${log}`);
    return log.includes('process up');
  });
  return {
    url: withHost(url, '127.0.0.1', port),
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await exited;
      await rm(dir, { recursive: true, force: true });
    },
  };
}

/** PgBouncer refuses to run as root. */
function nobody(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const id = (flag: string) => Number(spawnSync('id', [flag, 'nobody'], { encoding: 'utf8' }).stdout);
  return { uid: id('-u'), gid: id('-g') };
}

/** Debian installs it where only root looks. */
function withSbin(): NodeJS.ProcessEnv {
  return { ...process.env, PATH: `${process.env['PATH']}:/usr/sbin` };
}

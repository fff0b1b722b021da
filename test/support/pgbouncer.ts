import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmod, chown, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { waitFor } from './wait-for.ts';

const found = spawnSync('pgbouncer', ['--version'], { encoding: 'utf8', env: withSbin() });

/** Why there is no pooler to test with; undefined where there is one. */
export const pgbouncerMissing =
  found.status === 0 ? undefined : 'pgbouncer is not on PATH (Debian: the package pgbouncer)';

/** PgBouncer in transaction mode with one server connection before the database of `url`. */
export async function startPgbouncer(url: string): Promise<{ url: string } & AsyncDisposable> {
  const target = new URL(url);
  const port = await freePort();
  const dir = await mkdtemp(join(tmpdir(), 'holdfast-pgbouncer-'));
  const name = target.pathname.slice(1);
  const config = join(dir, 'pgbouncer.ini');
  await writeFile(
    config,
    `[databases]
${name} = host=${target.hostname} port=${target.port} dbname=${name} user=${target.username} password=${decodeURIComponent(target.password)}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 2
ignore_startup_parameters = extra_float_digits
`,
  );
  const account = nobody();
  if (account) {
    await chown(dir, account.uid, account.gid);
    await chown(config, account.uid, account.gid);
    await chmod(config, 0o600);
  }
  const child = spawn('pgbouncer', [config], {
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
  const pooled = new URL(url);
  pooled.hostname = '127.0.0.1';
  pooled.port = String(port);
  pooled.search = '';
  return {
    url: pooled.href,
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

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

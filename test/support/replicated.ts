import { execFile } from 'node:child_process';
import { chown, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { serverAccount, temporaryRoot } from '../../src/database/embedded/account.ts';
import { type EmbeddedServer, startEmbedded } from '../../src/database/embedded/index.ts';
import { migrate } from '../../src/migrate/index.ts';

const run = promisify(execFile);

export interface Replicated extends AsyncDisposable {
  readonly primary: EmbeddedServer;
  /** A hot standby that streams from the primary. */
  readonly standby: EmbeddedServer;
  /** Where the primary's socket is. */
  readonly sockets: string;
}

const UNSAFE = { fsync: 'off', full_page_writes: 'off', synchronous_commit: 'off' };

/** Two embedded servers, migrated. */
export async function startReplicated(): Promise<Replicated> {
  const account = await serverAccount();
  const root = await mkdtemp(join(await temporaryRoot(account), 'holdfast-replicated-'));
  const [first, second, sockets] = [join(root, 'first'), join(root, 'second'), join(root, 'sockets')];
  await mkdir(sockets);
  if (account) for (const dir of [root, sockets]) await chown(dir, account.uid, account.gid);
  const settings = {
    ...UNSAFE,
    ...{ wal_level: 'replica', max_wal_senders: '4', unix_socket_directories: sockets },
    default_transaction_isolation: 'read committed',
  };
  const servers: EmbeddedServer[] = [];
  const end = async () => {
    for (const server of servers.reverse()) await server.stop();
    await rm(root, { recursive: true, force: true });
  };
  try {
    const origin = await startEmbedded({ dir: first, settings });
    servers.push(origin);
    await migrate(origin.url);
    await origin.stop();
    await run('cp', ['-a', first, second]);
    await writeFile(join(second, 'data', 'standby.signal'), '');
    if (account) await chown(join(second, 'data', 'standby.signal'), account.uid, account.gid);
    const primary = await startEmbedded({ dir: first, settings });
    servers.push(primary);
    const standby = await startEmbedded({
      dir: second,
      settings: { ...settings, unix_socket_directories: '', primary_conninfo: primary.url },
    });
    servers.push(standby);
    return { primary, standby, sockets, [Symbol.asyncDispose]: end };
  } catch (error) {
    await end();
    throw error;
  }
}

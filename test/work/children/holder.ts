// A worker process for the tests: holds one piece of work, says so, and does what it is told on stdin.
import { createInterface } from 'node:readline';
import { connect, HoldfastError } from '../../../src/index.ts';
import { claimOne } from '../../support/claim.ts';
import { rows } from '../../support/sql.ts';

const [url, driver, target, intervalMs] = process.argv.slice(2) as [
  string,
  'pg' | 'postgres',
  string,
  string,
];
const say = (line: string) => process.stdout.write(`${line}\n`);

const db = await connect({ url, driver });
const session = await db.startSession({ component: 'holder', intervalMs: Number(intervalMs) });
const work = (await claimOne(session, 'hold', () => [target]))!;
// A transaction that is open while the process is stopped.
const release = Promise.withResolvers<void>();
const locked = Promise.withResolvers<void>();
const open = session.transact(async (tx) => {
  await rows(tx, 'UPDATE machine SET owner = $2 WHERE machine_id = $1', `${target}-open`, 'zombie');
  locked.resolve();
  await release.promise;
});
open.catch(() => {});
await locked.promise;
say(`held ${session.id} ${work.token}`);

const attempts: Record<string, () => Promise<unknown>> = {
  open: () => {
    release.resolve();
    return open;
  },
  checkpoint: () =>
    work.transact((tx) => rows(tx, "UPDATE machine SET owner = 'zombie' WHERE machine_id = $1", target)),
  finish: () =>
    work.finish((tx) => rows(tx, "UPDATE machine SET owner = 'zombie' WHERE machine_id = $1", target)),
  fail: () => work.fail('zombie', { backoff: { initialMs: 60_000 } }),
  cancel: () => work.cancel(),
  transact: () =>
    session.transact((tx) => rows(tx, "UPDATE machine SET owner = 'zombie' WHERE machine_id = $1", target)),
  work: () => claimOne(session, 'other', () => [target]),
};

for await (const command of createInterface({ input: process.stdin })) {
  if (command === 'exit') break;
  try {
    await attempts[command]!();
    say(`${command} done`);
  } catch (error) {
    say(`${command} ${error instanceof HoldfastError ? error.code : String(error)}`);
  }
}
await session.close().catch(() => {});
await db.close();
// The parent keeps the pipe open; nothing else may keep this process alive.
process.stdin.destroy();

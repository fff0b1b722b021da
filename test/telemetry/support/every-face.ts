/** A small program in which every part of Holdfast reports: what goes well, and each kind of trouble that has a metric. */
import { z } from 'zod';
import { fleetFace } from '../../../examples/fleet/src/components/janitor.ts';
import { Downloader, openStore } from '../../../src/artifacts/index.ts';
import { commandsFace, defineCommands } from '../../../src/commands/index.ts';
import {
  AmbiguousCommitError,
  connect,
  runJanitor,
  type Session,
  type Transaction,
} from '../../../src/index.ts';
import { definePipeline, operationsFace } from '../../../src/operations/index.ts';
import { serveRepositories } from '../../../src/serving/index.ts';
import {
  createRepository,
  declare,
  defineContentType,
  repositoriesFace,
  sync,
} from '../../../src/sync/index.ts';
import { dropReply, retriedBody, startFaultProxy } from '../../../src/testing/index.ts';
import { defineWorkflow, TransitionError, workflowsFace } from '../../../src/workflows/index.ts';
import { temporaryFolder } from '../../artifacts/support/files.ts';
import { ScriptedServer, status, whole } from '../../artifacts/support/server.ts';
import { claimMany, claimOne } from '../../support/claim.ts';
import { rows } from '../../support/sql.ts';

/** Stands in every target, id, value and literal: in no label. */
export const MARK = 'Zq9';

const build = definePipeline({ name: 'build', operations: ['index'] });
const queue = defineCommands({
  name: 'machine',
  states: ['on'],
  state: async () => 'on' as const,
  commands: { restart: { apply: ['on'] } },
});
const upgrade = defineWorkflow({
  name: 'upgrade',
  version: 1,
  states: ['waiting', 'done'],
  transitions: {
    begin: { from: null, to: 'waiting', automatic: true },
    go: { from: 'waiting', to: 'done', signal: 'go', retry: { attempts: 1 } },
  },
});
const file = defineContentType({
  name: 'file',
  metadata: z.strictObject({ path: z.string() }),
  key: ({ path }) => [path],
});

export interface EveryFace extends AsyncDisposable {
  /** Everything once more, with other targets. */
  round(): Promise<void>;
}

/** Runs until it is disposed of; its janitor goes on publishing. */
export async function everyFace(url: string): Promise<EveryFace> {
  const held = new AsyncDisposableStack();
  const db = held.use(await connect({ url }));
  const session = held.use(await db.startSession({ component: 'worker', intervalMs: 600_000 }));
  const server = held.use(await ScriptedServer.start());
  const downloader = held.use(new Downloader({ noProxy: '*' }));
  const store = await openStore(held.use(await temporaryFolder()).path);
  const repositories = serveRepositories({ db, store });
  held.defer(() => repositories.close());
  const janitor = held.use(
    runJanitor(db, {
      pending: { steady: async () => 2 },
      faces: [operationsFace, commandsFace(), workflowsFace(), repositoriesFace(), fleetFace(db, 30_000)],
    }),
  );
  await db.kinds.set('fragile', { quarantineAfter: 1 });
  await createRepository(db, 'mirror');
  await rows(db, `CREATE TABLE note (body TEXT)`);
  await loseAnAnswer(url);

  let count = 0;
  return {
    round: async () => {
      const named = (name: string) => `${name}-${MARK}-${++count}`;
      await work(session, named, (component) => db.startSession({ component, intervalMs: 600_000 }));
      await db.transact(
        retriedBody(1, (tx) => rows(tx, `INSERT INTO note VALUES ('${MARK}')`)),
        { name: 'note' },
      );
      await db.transact((tx) => rows(tx, `SELECT 1 / ${0}`), { name: 'wrong' }).catch(() => {});

      await build.enable(db, named('target'), ['index']);
      await build.error(db, named('target'), 'index', 'no');

      await queue.send(db, named('target'), 'restart', {}, { author: named('author') });
      const [commanded] = await session.claim(queue.source);
      await queue.consume(commanded!, { restart: () => ({ said: MARK }) });
      await queue.send(db, named('target'), 'restart', {}, { author: named('author') });

      const [ended, waiting, stuck, failing] = ['ended', 'waiting', 'stuck', 'failing'].map(named);
      for (const target of [ended, waiting, stuck, failing]) await upgrade.start(db, target!);
      for (const target of [ended, stuck, failing]) await upgrade.signal(db, target!, 'go');
      for (;;) {
        const [one] = await session.claim(upgrade.source());
        if (!one) break;
        const go = () => {
          if (one.target === stuck) throw new Error(named('trouble'));
          if (one.target === failing) throw new TransitionError(named('trouble'));
        };
        await upgrade.run(one, { go }).catch(() => {});
      }

      const [good, bad] = [named('good'), named('bad')];
      const item = (path: string, size: number, ...answers: Parameters<ScriptedServer['script']>[1][]) =>
        declare(file, {
          metadata: { path },
          artifacts: [{ path, urls: [server.script(`/${path}`, ...answers)], size }],
        });
      await sync(session, 'mirror', [item(good, 4, whole('body'))], { store, downloader });
      await sync(session, 'mirror', [item(bad, 4, status(404))], { store, downloader }).catch(() => {});
      await repositories.fetch(new Request(`http://localhost/mirror/${named('file')}`));
      await janitor.sweep();
    },
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

async function work(
  session: Session,
  named: (name: string) => string,
  start: (component: string) => Promise<Session>,
): Promise<void> {
  const targets = ['a', 'b', 'c', 'd', 'e'].map(named);
  const [finished, failed, canceled, parked] = await claimMany(session, 'steady', 5, () => targets);
  await finished!.finish();
  await failed!.fail(named('cause'), { backoff: { initialMs: 600_000 } });
  await canceled!.cancel();
  await parked!.park({ ms: 600_000 });
  const fragile = await claimOne(session, 'fragile', () => [named('target')]);
  await fragile!.fail(named('cause'));

  const orphan = named('orphan');
  const dying = await start('dying');
  await claimOne(dying, 'steady', () => [orphan]);
  await rows(
    dying.guarded,
    `UPDATE holdfast.session_deadline SET deadline = now() - INTERVAL '1 hour' WHERE session_id = $1`,
    dying.id,
  );
  const taken = await claimOne(session, 'steady', () => [orphan]);
  await taken!.finish();
  await dying.close().catch(() => {});
}

/** A commit whose answer is lost, with no marker to tell. */
async function loseAnAnswer(url: string): Promise<void> {
  await using proxy = await startFaultProxy({ url });
  await using db = await connect({ url: proxy.url });
  await using session = await db.startSession({ component: 'unlucky', intervalMs: 600_000 });
  const at = ({ sql }: { readonly sql?: string | undefined }) => /^(COMMIT|RELEASE)/.test(sql ?? '');
  proxy.inject({ direction: 'to-server', at, action: dropReply() });
  const body = (tx: Transaction) => rows(tx, 'SELECT 1');
  const lost = await session.transact(body, { name: 'lost' }).catch((error) => error);
  if (!(lost instanceof AmbiguousCommitError)) throw new Error('the answer was not lost', { cause: lost });
}

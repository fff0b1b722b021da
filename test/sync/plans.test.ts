import { expect, test } from 'vitest';
import { z } from 'zod';
import { connect } from '../../src/index.ts';
import {
  addHeld,
  addNew,
  changedRemoteArtifacts,
  findContent,
  findDeclared,
  noteDeclared,
  removeHeld,
} from '../../src/queries/repositories.ts';
import type { Statement } from '../../src/query/index.ts';
import { createRepository, declare, defineContentType, sync } from '../../src/sync/index.ts';
import { createTestDatabase, testEngine } from '../support/database.ts';
import { rows } from '../support/sql.ts';

const file = defineContentType({
  name: 'file',
  metadata: z.strictObject({ path: z.string() }),
  key: ({ path }) => [path],
});

const itemsOf = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, n) =>
    declare(file, {
      metadata: { path: `f${from + n}` },
      artifacts: [{ path: 'a', urls: [`http://x/${from + n}`] }],
    }),
  );

// CockroachDB's lookup joins need no statistics.
test.skipIf(testEngine() === 'cockroachdb')(
  'what a batch asks and changes goes by natural keys, also where the tables have no statistics',
  async () => {
    const database = await createTestDatabase();
    await using db = await connect({ url: database.url });
    await using session = await db.startSession({ component: 'plans', intervalMs: 600_000 });
    for (const table of ['content', 'content_artifact', 'remote_artifact', 'repository_content'])
      await rows(db, `ALTER TABLE holdfast.${table} SET (autovacuum_enabled = false)`);
    const { repositoryId } = await createRepository(db, 'plans');
    await sync(session, 'plans', [itemsOf(0, 5_000)], { policy: 'on demand' });
    const items = itemsOf(4_500, 5_500);
    const ords = items.map((_, ord) => BigInt(ord));
    const keyIds = items.map(({ keyId }) => keyId);
    const contentIds = items.map(({ contentId }) => contentId);
    const [remoteId] = (await rows(db, 'SELECT remote_id FROM holdfast.remote'))[0]!;
    const member = { repositoryId, number: 2n, keyIds, contentIds };
    const statements: Record<string, Statement> = {
      findDeclared: findDeclared.statement({ repositoryId, ords, keyIds, declared: keyIds, complete: true }),
      findContent: findContent.statement({
        repositoryId,
        ords,
        contentIds,
        keyIds,
        isFirst: false,
        complete: true,
      }),
      addHeld: addHeld.statement(member),
      addNew: addNew.statement({ ...member, declared: keyIds }),
      noteDeclared: noteDeclared.statement({ ...member, declared: keyIds }),
      removeHeld: removeHeld.statement(member),
      changedRemoteArtifacts: changedRemoteArtifacts.statement({
        remoteId: remoteId!,
        ords,
        contentIds,
        paths: items.map(() => 'a'),
        fingerprints: keyIds,
      }),
    };
    for (const [name, { text, values }] of Object.entries(statements)) {
      const plan = (await db.execute({ text: `EXPLAIN ${text}`, values, prepare: false })).rows
        .flat()
        .join('\n');
      expect(plan, name).not.toMatch(/Seq Scan on (repository_content|remote_artifact)/);
      // By the whole key, not by the repository or the remote alone, which is all of the table.
      for (const [condition] of plan.matchAll(/Index Cond: .*(repository_id|remote_id) .*/g))
        expect(condition, name).toMatch(/key_id =|content_id =/);
    }
  },
);

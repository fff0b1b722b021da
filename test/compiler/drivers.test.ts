import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { connect, type Database } from '../../src/index.ts';
import type { BatchQuery, CompiledQuery, IterQuery, NoParams } from '../../src/query/index.ts';
import { withAdmin } from '../support/admin.ts';
import { createTestDatabase, DRIVERS, type TestDatabase, testEngine } from '../support/database.ts';
import { compiledModule } from './support/compiled-module.ts';

const schema =
  'CREATE TABLE note (note_id INT8 NOT NULL PRIMARY KEY, body VARCHAR(20) NOT NULL, likes INT4 NOT NULL);';
const queries = `-- name: GetNote :one
SELECT * FROM note WHERE note_id = @note_id;

-- name: StreamNotes :iter
SELECT * FROM note ORDER BY note_id;

-- name: GetNotes :batchone
SELECT * FROM note WHERE note_id = @note_id;

-- name: Like :one
UPDATE note SET likes = likes + 1 WHERE note_id = @note_id RETURNING *;
`;

interface Id {
  readonly noteId: bigint;
}
interface Note extends Id {
  readonly body: string;
  readonly likes: number;
}
interface Module {
  readonly getNote: CompiledQuery<Id, Note, Note>;
  readonly streamNotes: IterQuery<NoParams, Note>;
  readonly getNotes: BatchQuery<Id, Note>;
  readonly like: CompiledQuery<Id, Note, Note>;
}

let database: TestDatabase;
let module: Module;
beforeAll(async () => {
  database = await createTestDatabase();
  module = await compiledModule<Module>(schema, queries);
});
afterAll(() => database.drop());

describe.each(DRIVERS)('a compiled query whose prepared plan went stale, on %s', (driver) => {
  let db: Database;
  beforeEach(async () => {
    await migrate(`DROP TABLE IF EXISTS note; ${schema} INSERT INTO note VALUES (1, 'anvil', 0)`);
    // One connection, so that what was prepared is there again.
    db = await connect({ url: database.url, driver, pool: { max: 1 } });
    return () => db.close();
  });

  const migrate = (text: string) => withAdmin(database.url, (client) => client.query(text));
  const widen = () =>
    migrate('ALTER TABLE note ALTER COLUMN body TYPE TEXT; ALTER TABLE note ADD COLUMN at TIMESTAMPTZ');
  const note = { noteId: 1n, body: 'anvil', likes: 0 };

  test('gives its row as if nothing had been, outside of a transaction', async () => {
    const { getNote } = module;
    for (let i = 0; i < 2; i++) expect(await getNote(db, { noteId: 1n })).toEqual(note);
    await widen();
    for (let i = 0; i < 2; i++) expect(await getNote(db, { noteId: 1n })).toEqual(note);
  });

  test('and so does a stream, which has no cursor there', async () => {
    const { streamNotes } = module;
    const read = async () => {
      const rows: Note[] = [];
      for await (const row of streamNotes(db)) rows.push(row);
      return rows;
    };
    expect(await read()).toEqual([note]);
    await widen();
    expect(await read()).toEqual([note]);
  });

  test('and so does each of a batch', async () => {
    const { getNotes } = module;
    await getNotes(db, [{ noteId: 1n }]);
    await widen();
    expect(await getNotes(db, [{ noteId: 1n }, { noteId: 1n }])).toEqual([note, note]);
  });

  test('does once what it does, when it writes', async () => {
    const { like } = module;
    expect((await like(db, { noteId: 1n })).likes).toBe(1);
    await widen();
    expect((await like(db, { noteId: 1n })).likes).toBe(2);
  });

  test('has its transaction run once more, and no oftener', async () => {
    const { getNote, like, streamNotes } = module;
    await db.transact((tx) => Promise.all([getNote(tx, { noteId: 1n }), like(tx, { noteId: 1n })]));
    await widen();
    let runs = 0;
    const row = await db.transact(async (tx) => {
      runs++;
      for await (const each of streamNotes(tx)) expect(each.likes).toBe(1);
      await like(tx, { noteId: 1n });
      return getNote(tx, { noteId: 1n });
    });
    // CockroachDB plans what went stale anew by itself.
    expect({ runs, row }).toEqual({
      runs: testEngine() === 'postgresql' ? 2 : 1,
      row: { ...note, likes: 2 },
    });
  });
});

// CockroachDB has no arrays of arrays.
test.runIf(testEngine() === 'postgresql').each(DRIVERS)(
  'an array of arrays goes and comes whole, on %s',
  async (driver) => {
    type Cells = readonly (readonly (string | null)[])[];
    const { putBoard } = await compiledModule<{ putBoard: CompiledQuery<{ cells: Cells }, object, object> }>(
      'CREATE TABLE board (cells TEXT[][] NOT NULL);',
      '-- name: PutBoard :one\nINSERT INTO board (cells) VALUES (@cells) RETURNING cells, ARRAY[cells, cells] AS twice;\n',
    );
    await withAdmin(database.url, (client) =>
      client.query('CREATE TABLE IF NOT EXISTS board (cells TEXT[][] NOT NULL)'),
    );
    await using db = await connect({ url: database.url, driver });
    const cells = [
      ['a', '{"b",c}'],
      ['NULL', 'd\\e'],
    ];
    expect(await putBoard(db, { cells })).toEqual({ cells, twice: [cells, cells] });
  },
);

import { cp } from 'node:fs/promises';
import path from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { applyFile } from '../../src/compiler/engine/apply-schema.ts';
import { type Engine, openEngine } from '../../src/compiler/engine/engine.ts';
import { readTargets } from '../../src/compiler/index.ts';
import { type Executor, RowCountError } from '../../src/query/index.ts';
import { textClient } from '../compiler/support/executor.ts';
import { createProject } from '../compiler/support/project.ts';
import { createEmptyTestDatabase, testEngine } from '../support/database.ts';
import { readPage, root } from './support/blocks.ts';

let engine: Engine;
beforeAll(async () => {
  engine = await openEngine({ url: inject('holdfast').url });
});
afterAll(() => engine.close());

type Call = (executor: Executor, params?: unknown) => Promise<unknown>;
type Module = Readonly<Record<string, Call>>;

/**
 * A project as the tool leaves it (test/docs/fixture), with the configuration that the guide shows: compiled, and its
 * functions run on a database with its schema.
 */
async function arrive(
  tool: string,
  use: (module: (name: string) => Promise<Module>, db: Executor, said: readonly string[]) => Promise<void>,
): Promise<void> {
  const page = await readPage(`docs/from-${tool}.md`);
  const config = JSON.parse(/^```json\n(.*?)^```$/ms.exec(page)![1]!) as { compile: { out: string }[] };
  const target = config.compile[0]!;
  await using project = await createProject(target);
  await cp(path.join(root, 'test/docs/fixture', tool), project.root, { recursive: true });
  const said = await project.compile(engine);
  const database = await createEmptyTestDatabase();
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  for (const { schema } of await readTargets(await project.config()))
    for (const file of schema) await applyFile(client, file);
  await client.end();
  await using db = await textClient(database.url);
  await use((name) => project.module(`${target.out}/${name}.ts`), db, said);
}

const codes = (said: readonly string[]) => said.map((text) => /(?:error|warning) (\w+):/.exec(text)?.[1]);

test.runIf(testEngine() === 'postgresql')('a project of sqlc compiles unchanged, and its queries run', () =>
  arrive('sqlc', async (module, db, said) => {
    // Nothing but what lints say of style.
    expect(codes(said)).toEqual(['HL013', 'HL013']);
    const { createAuthor, getAuthor, listAuthors, anyAuthors, setBio, ping } = await module('author');
    expect(await anyAuthors!(db)).toEqual({ column1: false });
    expect(await createAuthor!(db, { name: 'Flann', bio: null })).toEqual({
      id: 1,
      name: 'Flann',
      bio: null,
    });
    expect(await setBio!(db, { id: 1, bio: 'of Strabane' })).toBe(1);
    expect(await getAuthor!(db, { id: 1 })).toEqual({ id: 1, name: 'Flann', bio: 'of Strabane' });
    await expect(getAuthor!(db, { id: 2 })).rejects.toThrow(RowCountError);
    expect(await listAuthors!(db)).toHaveLength(1);
    expect(await ping!(db)).toBeUndefined();

    const { createBooks, findBooks, booksWithAuthors, reprice, sell, titles } = await module('book');
    const books = ['1', '2'].map((n) => ({
      authorId: 1,
      ISBN: n,
      title: `At ${n}`,
      tags: [`a "${n}"`, 'b'],
    }));
    expect(await createBooks!(db, books)).toBe(2);
    expect(await reprice!(db, { price: 2.5, author: 1, title: '%2' })).toBe(1);
    expect(await findBooks!(db, { ids: [1], isbns: ['2'] })).toEqual([
      {
        book: {
          id: 1,
          authorId: 1,
          ISBN: '1',
          title: 'At 1',
          format: 'paper',
          price: 0,
          tags: ['a "1"', 'b'],
          sold: 0,
        },
        name: 'Flann',
      },
      {
        book: {
          id: 2,
          authorId: 1,
          ISBN: '2',
          title: 'At 2',
          format: 'paper',
          price: 2.5,
          tags: ['a "2"', 'b'],
          sold: 0,
        },
        name: 'Flann',
      },
    ]);
    expect(await booksWithAuthors!(db)).toMatchObject([
      { id: 1, id2: 1, name: 'Flann' },
      { id: 2, id2: 1, name: 'Flann' },
    ]);
    expect(await sell!(db, [{ id: 1 }, { id: 1 }])).toEqual([{ sold: 1 }, { sold: 2 }]);
    expect(await titles!(db, { format: 'paper' })).toEqual([{ title: 'At 1' }, { title: 'At 2' }]);
  }),
);

test.runIf(testEngine() === 'postgresql')(
  'a project of pgtyped compiles unchanged, and its queries run',
  () =>
    arrive('pgtyped', async (module, db, said) => {
      expect(codes(said)).toEqual([]);
      const { findBookById, insertBooks, findBooks, lend, findLoans, swapReader, rerank, countBooks } =
        await module('books');
      const books = [
        { id: 1, name: 'Ulysses', rank: 2, categories: ['novel'] },
        { id: 2, name: 'The "Third"; Policeman', rank: null, categories: ['novel', 'thriller'] },
      ];
      expect(await insertBooks!(db, { books })).toEqual([{ bookId: 1 }, { bookId: 2 }]);
      expect(await insertBooks!(db, { books: [] })).toEqual([]);
      expect(await findBookById!(db, { bookId: 2 })).toEqual([{ ...books[1], meta: null }]);
      expect(
        await rerank!(db, {
          ranks: [
            { id: '1', rank: '5' },
            { id: '2', rank: '4' },
          ],
        }),
      ).toBe(2);
      expect(await findBooks!(db, { ids: [1, 2, 3] })).toEqual([
        { id: 2, name: 'The "Third"; Policeman', rank: 4 },
        { id: 1, name: 'Ulysses', rank: 5 },
      ]);
      expect(await findBooks!(db, { ids: [] })).toEqual([]);
      expect(await lend!(db, { loan: { bookId: 1, reader: 'Ada', due: '2026-02-03' } })).toBe(1);
      expect(
        await swapReader!(db, { from: { bookId: 1, reader: 'Ada' }, to: { bookId: 2, reader: 'Bob' } }),
      ).toBe(1);
      const pairs = [
        { bookId: 1, reader: 'Ada' },
        { bookId: 2, reader: 'Bob' },
      ];
      expect(await findLoans!(db, { pairs })).toEqual([{ bookId: 2, reader: 'Bob', due: '2026-02-03' }]);
      expect(await findLoans!(db, { pairs: [] })).toEqual([]);
      expect(await countBooks!(db, { pattern: null })).toEqual([{ total: 2n }]);
      await expect(insertBooks!(db, { books: [{ ...books[0], name: undefined }] })).rejects.toThrow(
        'InsertBooks: parameter books[0].name is missing',
      );
      await expect(insertBooks!(db, { books: books[0] })).rejects.toThrow(
        'InsertBooks: parameter books is not a list',
      );
      await expect(insertBooks!(db, { books: [null] })).rejects.toThrow(
        'InsertBooks: parameter books[0].id is missing',
      );
      await expect(lend!(db, {})).rejects.toThrow('Lend: parameter loan is missing');
    }),
);

test('a project of Prisma with TypedSQL compiles unchanged, and its queries run', () =>
  arrive('typedsql', async (module, db, said) => {
    expect(codes(said)).toEqual([]);
    const { addUser } = await module('addUser');
    const { addPost } = await module('addPost');
    const { findPosts } = await module('findPosts');
    const { getUsersWithPosts } = await module('getUsersWithPosts');
    const [ada] = (await addUser!(db, { email: 'ada@example.org', name: null })) as { id: number }[];
    const [bob] = (await addUser!(db, { email: 'bob@example.org', name: 'Bob' })) as { id: number }[];
    expect(await addPost!(db, { title: 'One', authorId: ada!.id, rating: 3 })).toBe(1);
    expect(await addPost!(db, { title: 'Two', authorId: ada!.id, rating: null })).toBe(1);
    expect(await findPosts!(db, { author: ada!.id, least: null })).toMatchObject([
      { title: 'One', rating: 3, authorId: ada!.id },
      { title: 'Two', rating: null, authorId: ada!.id },
    ]);
    expect(await findPosts!(db, { author: ada!.id, least: 2 })).toMatchObject([{ title: 'One' }]);
    expect(await getUsersWithPosts!(db)).toEqual([
      { id: ada!.id, email: 'ada@example.org', postCount: 2n },
      { id: bob!.id, email: 'bob@example.org', postCount: 0n },
    ]);
  }));

import { expect, test } from 'vitest';
import { Feed } from '../../src/console/feed.ts';
import { waitFor } from '../support/database.ts';

/** A source that counts what is read of it. */
function counted() {
  const reads = new Map<string, number>();
  let value = 0;
  return {
    reads,
    set: (to: number) => {
      value = to;
    },
    read: async (path: string) => {
      reads.set(path, (reads.get(path) ?? 0) + 1);
      if (path === 'broken') throw new Error('secret of the database');
      return { data: { value }, statements: 1 };
    },
    isSeldom: () => false,
  };
}

async function next(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<string> {
  const { value } = await reader.read();
  return new TextDecoder().decode(value);
}

test('all viewers of a page share one read a turn, hear of what has changed, and of nothing else', async () => {
  const source = counted();
  const feed = new Feed(source, 100, () => {});
  const readers = Array.from({ length: 20 }, () => feed.stream('a', null).body!.getReader());
  for (const reader of readers) {
    expect(await next(reader)).toMatch(/^retry: /);
    expect(await next(reader)).toContain('data: {"value":0}');
  }
  expect(source.reads.get('a')).toBe(1);
  source.set(1);
  for (const reader of readers) expect(await next(reader)).toContain('data: {"value":1}');
  const turns = feed.turns;
  await waitFor(() => feed.turns >= turns + 3, { what: 'three turns' });
  expect(source.reads.get('a')!).toBeLessThanOrEqual(feed.turns + 1);
  await Promise.all(readers.map((reader) => reader.cancel()));
  feed.close();
});

test('nobody looks, so nothing is read; a reader that comes back with what it has is told nothing again', async () => {
  const source = counted();
  const feed = new Feed(source, 100, () => {});
  const first = feed.stream('a', null).body!.getReader();
  await next(first);
  const [, id] = /id: (\S+)/.exec(await next(first))!;
  const other = feed.stream('a', null).body!.getReader();
  await first.cancel();
  const again = feed.stream('a', id!).body!.getReader();
  expect(await next(again)).toMatch(/^retry: /);
  source.set(2);
  expect(await next(again)).toContain('data: {"value":2}');
  await again.cancel();
  await other.cancel();
  expect(feed.viewers).toBe(0);
  const { turns } = feed;
  // A turn of another feed, begun later, is over: this one would have had its own.
  const clock = new Feed(counted(), 300, () => {});
  const reader = clock.stream('b', null).body!.getReader();
  await waitFor(() => clock.turns >= 1, { what: 'a turn' });
  expect(feed.turns).toBe(turns);
  await reader.cancel();
  feed.close();
  clock.close();
});

test('what fails is said in one line that keeps the secret, and told to the program', async () => {
  const told: unknown[] = [];
  const feed = new Feed(counted(), 100, (error) => told.push(error));
  const reader = feed.stream('broken', null).body!.getReader();
  await next(reader);
  expect(await next(reader)).toMatch(
    /event: failure\ndata: {"error":"the console failed; its log says why"}/,
  );
  expect(told[0]).toMatchObject({ message: 'secret of the database' });
  feed.close();
  expect((await reader.read()).done).toBe(true);
});

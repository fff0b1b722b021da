import { expect, test } from 'vitest';
import { withAdmin } from '../admin.ts';
import { createEmptyTestDatabase, createTestDatabase } from '../database.ts';

const countSessions = 'SELECT count(*)::INT8 AS n FROM holdfast.session';

test('a test database is migrated, and what is written in one is not seen in another', async () => {
  await using one = await createTestDatabase();
  await using two = await createTestDatabase();
  await withAdmin(one.url, (client) =>
    client.query(
      "INSERT INTO holdfast.session (session_id, component, instance, interval_ms) VALUES (gen_random_uuid(), 'c', 'r', 1)",
    ),
  );
  const [inOne, inTwo] = await Promise.all(
    [one, two].map((database) => withAdmin(database.url, (client) => client.query(countSessions))),
  );
  expect(inOne?.rows).toEqual([{ n: '1' }]);
  expect(inTwo?.rows).toEqual([{ n: '0' }]);
});

test('an empty test database has none of our schemas', async () => {
  await using database = await createEmptyTestDatabase();
  await expect(withAdmin(database.url, (client) => client.query(countSessions))).rejects.toMatchObject({
    code: '42P01',
  });
});

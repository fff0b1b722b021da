import { expect, test } from 'vitest';
import { allSections, dumpCatalog, portableSections } from '../support/catalog.ts';
import { createTestDatabase, testEngine } from '../support/database.ts';

// After a change of the schema: npx vitest run test/migrate/schema-snapshot.test.ts -u, and read the diff.
test('the migrated schema is the one that is committed', async () => {
  const database = await createTestDatabase();
  for (const section of testEngine() === 'postgresql' ? allSections : portableSections) {
    await expect(await dumpCatalog(database.url, ['holdfast', 'fleet'], [section])).toMatchFileSnapshot(
      `schema-snapshot/${section}.txt`,
    );
  }
});

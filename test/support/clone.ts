import { withAdmin } from './admin.ts';
import { urlOf } from './url-of.ts';

/**
 * CockroachDB cannot clone a database. The statements that make the template's schema, run in one
 * transaction, come close: less than half the time of migrating, where each is a transaction of its own.
 */
export async function readCloneScript(serverUrl: string, template: string): Promise<string> {
  return withAdmin(urlOf(serverUrl, template), async (client) => {
    const statements: string[] = [];
    for (const kind of ['SCHEMAS', 'TYPES', 'TABLES']) {
      const { rows } = await client.query<{ create_statement: string }>(`SHOW CREATE ALL ${kind}`);
      statements.push(...rows.map((row) => row.create_statement));
    }
    return statements
      .filter((statement) => statement !== 'CREATE SCHEMA public;')
      .join('\n')
      .replaceAll(`${template}.`, '');
  });
}

/** Makes the template's schema in an empty database, and its records of migrations. */
export async function runCloneScript(url: string, template: string, script: string): Promise<void> {
  await withAdmin(url, async (client) => {
    for (let attempt = 1; ; attempt += 1) {
      try {
        await client.query(`BEGIN; ${script} COMMIT;`);
        break;
      } catch (error) {
        await client.query('ROLLBACK').catch(() => {});
        if ((error as { code?: string }).code !== '40001' || attempt === 10) throw error;
      }
    }
    await client.query(`INSERT INTO holdfast.migration SELECT * FROM ${template}.holdfast.migration`);
  });
}

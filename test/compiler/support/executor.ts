import pg from 'pg';
import { DatabaseError } from '../../../src/base/index.ts';
import type { Executor, RawResult, Statement } from '../../../src/query/index.ts';

/** A client that takes and gives plain text, as the drivers do. */
export interface TextClient extends Executor, AsyncDisposable {
  simple(text: string): Promise<void>;
}

export async function textClient(url: string): Promise<TextClient> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const execute = async ({ text, values }: Statement): Promise<RawResult> => {
    try {
      const result = await client.query<(string | null)[]>({
        text,
        values: [...values],
        rowMode: 'array',
        types: { getTypeParser: () => (value: string) => value },
      });
      return {
        rows: result.rows,
        columns: result.fields.map(({ name, dataTypeID }) => ({ name, typeOid: dataTypeID })),
        rowCount: result.rowCount ?? 0,
        command: result.command,
      };
    } catch (cause) {
      const { code, message } = cause as { code?: string; message: string };
      throw code === undefined ? cause : new DatabaseError({ code, message });
    }
  };
  return {
    execute,
    simple: async (text) => void (await client.query(text)),
    [Symbol.asyncDispose]: () => client.end(),
  };
}

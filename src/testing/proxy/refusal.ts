const quoted = (text: string) => `'${text.replaceAll("'", "''")}'`;

/**
 * A Query message whose execution fails on the server with this SQLSTATE, so that the server's transaction is
 * failed as well, as by a true error. In the place of a COMMIT the transaction is rolled back first, since a
 * COMMIT that fails ends it.
 */
export function refusal(
  replaced: string | undefined,
  cockroach: boolean,
  { sqlState, message }: { readonly sqlState: string; readonly message: string },
): Buffer {
  const raise = cockroach
    ? `SELECT crdb_internal.force_error(${quoted(sqlState)}, ${quoted(message)})`
    : `DO ${quoted(`BEGIN RAISE EXCEPTION USING ERRCODE = ${quoted(sqlState)}, MESSAGE = ${quoted(message)}; END`)}`;
  const ends = /^\s*(COMMIT|END)\b/i.test(replaced ?? '');
  const text = Buffer.from(`${ends ? 'ROLLBACK; ' : ''}${raise}\0`);
  const header = Buffer.alloc(5);
  header.write('Q');
  header.writeInt32BE(text.length + 4, 1);
  return Buffer.concat([header, text]);
}

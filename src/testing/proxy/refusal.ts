interface Refused {
  readonly sqlState: string;
  readonly message: string;
}

const quoted = (text: string) => `'${text.replaceAll("'", "''")}'`;

/**
 * A Query message whose execution fails on the server with this SQLSTATE, so that the server's transaction is
 * failed as well, as by a true error. In the place of a COMMIT the transaction is rolled back first, since a
 * COMMIT that fails ends it.
 */
export function refusal(
  replaced: string | undefined,
  cockroach: boolean,
  { sqlState, message }: Refused,
): Buffer {
  const raise = cockroach
    ? `SELECT crdb_internal.force_error(${quoted(sqlState)}, ${quoted(message)})`
    : `DO ${quoted(`BEGIN RAISE EXCEPTION USING ERRCODE = ${quoted(sqlState)}, MESSAGE = ${quoted(message)}; END`)}`;
  const ends = /^\s*(COMMIT|END)\b/i.test(replaced ?? '');
  return framed('Q', `${ends ? 'ROLLBACK; ' : ''}${raise}\0`);
}

/** The server's message that says so. */
export const errorResponse = ({ sqlState, message }: Refused): Buffer =>
  framed('E', `SERROR\0VERROR\0C${sqlState}\0M${message}\0\0`);

function framed(type: string, body: string): Buffer {
  const bytes = Buffer.from(body);
  const header = Buffer.alloc(5);
  header.write(type);
  header.writeInt32BE(bytes.length + 4, 1);
  return Buffer.concat([header, bytes]);
}

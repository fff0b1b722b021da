import { type Driver, type DriverConnection, pgDriver, postgresDriver } from '../../../src/database/index.ts';
import { LiveSession } from '../../../src/sessions/index.ts';

/**
 * How protections are taken out of a process of these tests, to see whether the checks notice. Nothing of it is in the
 * library: statements are changed on their way, and methods are replaced.
 */
type Rewrite = (text: string) => string;

const withoutFence: Rewrite = (text) =>
  text
    // In an end the fence comes before the token in one CASE, which must go on to the next branch.
    .replaceAll('AND EXISTS (SELECT 1 FROM alive)', '')
    .replaceAll("WHEN NOT EXISTS (SELECT 1 FROM alive) THEN 'holdfast:session-expired'", '')
    .replaceAll("'holdfast:session-expired'", "'1'")
    .replaceAll(
      /WHEN NOT EXISTS \(SELECT 1 FROM holdfast\.session WHERE session_id = (\$\d+)::UUID[^)]*\) THEN 'holdfast:session-expired ' \|\| (\$\d+)::TEXT/g,
      'WHEN $1::UUID IS NULL THEN left($2::TEXT, 0)',
    );
const withoutToken: Rewrite = (text) =>
  text
    .replaceAll("'holdfast:lease-lost'", "'1'")
    .replaceAll(/THEN 'holdfast:lease-lost ' \|\| (\$\d+)::TEXT/g, "THEN '1' || left($1::TEXT, 0)")
    // The release still writes its history, as a completion that looks at the job's id alone would.
    .replaceAll(/w\.holder = \$\d+::UUID AND w\.token = k\.token/gi, 'true');

/** Writes are accepted whichever token they carry. */
export const noTokenCheck = (): void => rewriteStatements(withoutToken);

/** Sessions never expire by their own clock, nothing proves that they are alive, and no write proves its token. */
export function noProofAtAll(): void {
  noExpiryCheck();
  rewriteStatements((text) => withoutToken(withoutFence(text)));
}

/** Sessions never expire by their own clock, and nothing proves that they are alive. */
export function noFence(): void {
  noExpiryCheck();
  rewriteStatements(withoutFence);
}

/** The local clock never says that the session is over. */
export function noExpiryCheck(): void {
  Object.defineProperty(LiveSession.prototype, 'expired', { get: () => false });
  LiveSession.prototype.assertAlive = () => {};
  LiveSession.prototype.expire = () => {};
}

/** Changes the text of what is sent, on every connection opened from now on. */
export const rewriteStatements = (rewrite: Rewrite): void =>
  onEveryConnection((connection) => {
    const send = connection.send.bind(connection);
    connection.send = (statement, options) => send({ ...statement, text: rewrite(statement.text) }, options);
  });

/** Statements that match are carried out on a connection of their own, so outside of the transaction that they are sent in. */
export const outsideOfTheirTransaction = (matches: RegExp): void =>
  onEveryConnection((connection, another) => {
    const send = connection.send.bind(connection);
    connection.send = async (statement, options) => {
      if (!matches.test(statement.text)) return send(statement, options);
      const other = await another();
      try {
        return await other.send(statement);
      } finally {
        await other.close();
      }
    };
  });

function onEveryConnection(
  change: (connection: DriverConnection, another: () => Promise<DriverConnection>) => void,
): void {
  for (const driver of [pgDriver, postgresDriver] as Driver[]) {
    const open = driver.open.bind(driver);
    driver.open = async (options) => {
      const connection = await open(options);
      change(connection, () => open(options));
      return connection;
    };
  }
}

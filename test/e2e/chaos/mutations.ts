import { pgDriver } from '../../../src/database/drivers/pg.ts';
import { postgresDriver } from '../../../src/database/drivers/postgres.ts';
import type { DriverConnection } from '../../../src/database/index.ts';
import { LiveSession } from '../../../src/sessions/index.ts';

type Rewrite = (text: string) => string;

const withoutFence: Rewrite = (text) =>
  text
    // In an end the fence comes before the token in one CASE, which must go on to the next branch.
    .replaceAll('AND EXISTS (SELECT 1 FROM alive)', '')
    .replaceAll("WHEN NOT EXISTS (SELECT 1 FROM alive) THEN 'holdfast:session-expired'", '')
    .replaceAll("'holdfast:session-expired'", "'1'");
const withoutToken: Rewrite = (text) =>
  text
    .replaceAll("'holdfast:lease-lost'", "'1'")
    // The release still writes its history, as a completion that looks at the job's id alone would.
    .replace(/w\.holder = \$\d+::UUID AND w\.token = k\.token/i, 'true');

/**
 * Protections taken out, one set at a time, to see whether the checks notice: what a run with a mutation leaves
 * behind must break an invariant. Only ever loaded by processes of these tests.
 */
const MUTATIONS: Readonly<Record<string, () => void>> = {
  'no expiry, no fence, no token': () => {
    neverExpire();
    rewriteStatements((text) => withoutToken(withoutFence(text)));
  },
  'no expiry, no fence': () => {
    neverExpire();
    rewriteStatements(withoutFence);
  },
  'no expiry': neverExpire,
};

export function mutate(name: string): void {
  const mutation = MUTATIONS[name];
  if (!mutation) throw new Error(`no mutation "${name}"`);
  mutation();
}

/** The local clock never says that the session is over. */
function neverExpire(): void {
  Object.defineProperty(LiveSession.prototype, 'expired', { get: () => false });
  LiveSession.prototype.assertAlive = () => {};
  LiveSession.prototype.expire = () => {};
}

function rewriteStatements(rewrite: Rewrite): void {
  for (const driver of [pgDriver, postgresDriver]) {
    const open = driver.open.bind(driver);
    driver.open = async (options) => {
      const connection: DriverConnection = await open(options);
      const send = connection.send.bind(connection);
      connection.send = (statement, mode) => send({ ...statement, text: rewrite(statement.text) }, mode);
      return connection;
    };
  }
}

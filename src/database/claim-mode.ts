import type { DriverConnection } from './driver.ts';

/**
 * How a PostgreSQL connection is set while claims run on it. Those statements go by index whatever their
 * parameters are: they are planned once and not each time (which takes longer than running them), and never as
 * if a table that was empty then had stayed so. READ COMMITTED saves BEGIN and COMMIT.
 */
const ENTER =
  'SET default_transaction_isolation = "read committed"; SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off';
const LEAVE = 'RESET default_transaction_isolation; RESET plan_cache_mode; RESET enable_seqscan';

const inClaimMode = new WeakSet<DriverConnection>();

/** Puts a connection back to what everything else expects, in the flight of what comes next. */
export function leaveClaimMode(connection: DriverConnection): void {
  if (!inClaimMode.delete(connection)) return;
  connection.sendSimple(LEAVE).catch((error: Error) => connection.destroy(error));
}

/** Every statement until `leaveClaimMode` runs so; the settings leave in the flight of the first. */
export function enterClaimMode(connection: DriverConnection): void {
  if (inClaimMode.has(connection)) return;
  inClaimMode.add(connection);
  connection.sendSimple(ENTER).catch((error: Error) => connection.destroy(error));
}

import { byText } from '../query/by-text.ts';
import type { DriverConnection } from './driver.ts';
import type { Engine } from './engine.ts';

/** A statement with one of these words may leave something on its connection when its transaction is over. */
const MAY_STAY =
  /\bset_config\b|\bpg_(?:try_)?advisory_lock(?:_shared)?\b|\btemp(?:orary)?\b|\bpg_temp\b|\bhold\b/i;

/** Resets settings, cursors, locks and temporary tables, but not prepared statements, which the driver keeps. */
const RESET = 'RESET ALL; CLOSE ALL; SELECT pg_advisory_unlock_all(); DISCARD TEMP';

const mayStay = byText((text) => MAY_STAY.test(text));

const toReset = new WeakMap<DriverConnection, Engine['system']>();

/** Remembers that the connection must be reset before others use it, if the statement may leave something on it. */
export function noteState(connection: DriverConnection, { system }: Engine, text: string): void {
  if (mayStay(text)) toReset.set(connection, system);
}

/**
 * Resets an idle connection if `noteState` says that something may have stayed on it. Does not wait for the answer:
 * the next statements are answered behind it. CockroachDB has no statement that does it: the connection is closed.
 */
export function resetState(connection: DriverConnection): void {
  const system = toReset.get(connection);
  if (system === undefined) return;
  toReset.delete(connection);
  if (system === 'cockroachdb') connection.destroy(new Error('its settings may have been changed'));
  else connection.sendSimple(RESET).catch((error: Error) => connection.destroy(error));
}

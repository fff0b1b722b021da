import { DatabaseError } from '../base/index.ts';
import type { DriverConnection } from './driver.ts';

/** Values of `target_session_attrs` that are known, as in libpq. */
export const TARGET_SESSION_ATTRS = ['read-write', 'any', 'primary', 'standby', 'read-only'] as const;

/** Which hosts will do; `read-write` unless the URL says otherwise: one that takes writes. */
export type TargetSession = (typeof TARGET_SESSION_ATTRS)[number];

/** A connection that can be asked what its host is. */
export type Asked = Pick<DriverConnection, 'parameter' | 'sendSimple'>;

interface HostRole {
  readonly standby: boolean;
  /** A standby, or writes are off by `default_transaction_read_only`. */
  readonly readOnly: boolean;
}

const ASK =
  "SELECT pg_catalog.pg_is_in_recovery(), pg_catalog.current_setting('default_transaction_read_only')";

/** Why the host will not do; undefined where it will. Costs no round trip where the server reports it (14 and newer). */
export async function unsuitable(
  connection: Asked,
  target: TargetSession,
  { ask = false } = {},
): Promise<string | undefined> {
  if (target === 'any' || connection.parameter('crdb_version') !== undefined) return undefined;
  const { standby, readOnly } = (ask ? undefined : reported(connection)) ?? (await asked(connection));
  switch (target) {
    case 'read-write':
      if (standby) return 'is a standby, which takes no writes';
      return readOnly ? 'takes no writes (default_transaction_read_only is on)' : undefined;
    case 'primary':
      return standby ? 'is a standby' : undefined;
    case 'standby':
      return standby ? undefined : 'is no standby';
    case 'read-only':
      return readOnly ? undefined : 'takes writes';
  }
}

function reported(connection: Asked): HostRole | undefined {
  const standby = connection.parameter('in_hot_standby');
  const readOnly = connection.parameter('default_transaction_read_only');
  if (standby === undefined || readOnly === undefined) return undefined;
  return { standby: standby === 'on', readOnly: standby === 'on' || readOnly === 'on' };
}

async function asked(connection: Asked): Promise<HostRole> {
  try {
    const { rows } = await connection.sendSimple(ASK);
    const [recovering, readOnly] = rows[0] ?? [];
    return { standby: recovering === 't', readOnly: recovering === 't' || readOnly === 'on' };
  } catch (error) {
    if (error instanceof DatabaseError && isRefusedByStandby(error)) return { standby: true, readOnly: true };
    throw error;
  }
}

/** The server refused to write: the transaction is read-only, or the host is a standby. Nothing was carried out. */
export const isReadOnlyRefusal = (error: unknown): error is DatabaseError =>
  error instanceof DatabaseError && (error.code === '25006' || isRefusedByStandby(error));

const STANDBY_ROUTINES = new Set([
  'check_transaction_isolation',
  // Before PostgreSQL 16.
  'check_XactIsoLevel',
  'GetSerializableTransactionSnapshot',
]);

/** A standby refuses SERIALIZABLE, at BEGIN or, where it is the default, in every statement. Messages may be in any language. */
export const isRefusedByStandby = ({ code, routine = '' }: DatabaseError): boolean =>
  code === '0A000' && STANDBY_ROUTINES.has(routine);

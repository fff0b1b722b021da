import type { RawResult, Statement } from '../query/index.ts';
import type { Address } from './connection-url.ts';
import type { Engine } from './engine.ts';
import { retrying, together } from './guarded.ts';
import { ambiguousIfHidden } from './hidden-outcome.ts';
import type { Pool, UseOptions } from './pool.ts';

/**
 * How claims and ends run on PostgreSQL. They go by index whatever their parameters are: they are planned once and not
 * each time (which takes longer than running them), and never as if a table that was empty then had stayed so. A plan
 * that has to read a table all the same looks very expensive then, for which PostgreSQL would compile it (JIT); that
 * takes seconds.
 */
const SETTINGS = { plan_cache_mode: 'force_generic_plan', enable_seqscan: 'off', jit: 'off' };

const BEGIN_SET = [
  'BEGIN ISOLATION LEVEL READ COMMITTED',
  ...Object.entries(SETTINGS).map(([name, value]) => `SET LOCAL ${name} = ${value}`),
].join('; ');

/** The same for the rest of a transaction on a connection that others use as well. PostgreSQL. */
export const planAsForClaims: Statement = {
  text: `SELECT ${Object.entries(SETTINGS)
    .map(([name, value]) => `set_config('${name}', '${value}', true)`)
    .join(', ')}`,
  values: [],
};

/** The address, for connections on which all of that is set from the start. */
export function addressForClaims(address: Address): Address {
  const settings = { ...SETTINGS, default_transaction_isolation: 'read\\ committed' };
  const options = Object.entries(settings).map(([name, value]) => `-c ${name}=${value}`);
  return { ...address, serverOptions: [address.serverOptions, ...options].filter(Boolean).join(' ') };
}

/**
 * Runs claims and ends, on PostgreSQL on connections of their own, so that one of them is one message and no transaction
 * around it. Through a pooler a connection keeps no settings: there they are set for each transaction.
 */
export class ClaimPool {
  /** Connections to what `addressForClaims` gives; undefined: they are the shared pool's. */
  readonly own: Pool | undefined;
  readonly #pool: Pool;
  readonly #engine: Engine;
  readonly #begin: string | undefined;

  constructor(engine: Engine, shared: Pool, own: Pool | undefined) {
    this.own = own;
    this.#pool = own ?? shared;
    this.#engine = engine;
    this.#begin = engine.system === 'cockroachdb' || own ? undefined : BEGIN_SET;
  }

  get system(): Engine['system'] {
    return this.#engine.system;
  }

  /**
   * Several statements are one transaction, in one round trip. Gives the last one's result. Retries serialization failures
   * and deadlocks at once. Every error that does not prove that nothing was carried out becomes AmbiguousCommitError, on
   * both engines: the caller then asks the database what happened.
   */
  run(statements: readonly Statement[], options: UseOptions = {}): Promise<RawResult> {
    const begin = this.#begin ?? (statements.length > 1 ? 'BEGIN' : undefined);
    return retrying(ambiguousIfHidden, () =>
      this.#pool.use(options, (connection) =>
        begin === undefined ? connection.send(statements[0]!) : together(connection, begin, statements),
      ),
    );
  }
}

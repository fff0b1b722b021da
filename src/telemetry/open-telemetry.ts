import { DatabaseDescription } from './descriptions.ts';
import { type ServerAddress, silentTransaction } from './observer.ts';
import { addPool, type ObservedPool } from './pool-gauges.ts';
import { activeInstruments, activeTracer } from './providers.ts';
import { recordStatement } from './statement.ts';
import { factsOf } from './statement-facts.ts';
import type { Telemetry } from './telemetry.ts';
import { RecordedTransaction } from './transaction.ts';

/** What is known of the database that a handle works on. No user, no password. */
export interface ObservedDatabase {
  /** As the server says it. */
  readonly system: 'cockroachdb' | 'postgresql';
  /** Name of the database. */
  readonly namespace: string;
  readonly hosts: readonly ServerAddress[];
  readonly pools: readonly ObservedPool[];
}

/**
 * Telemetry through the OpenTelemetry API, after its stable semantic conventions for database clients. Looks at
 * each transaction whether a provider is registered: with none it is as silent as `silentTelemetry`, and a
 * provider registered later is seen from the next transaction on.
 *
 * Nothing that it records is made from a bound value, an error's message, a password or a URL.
 */
export function openTelemetry({ system, namespace, hosts, pools }: ObservedDatabase): Telemetry {
  const database = new DatabaseDescription(system, namespace);
  const onlyHost = hosts.length === 1 ? hosts[0] : undefined;
  const removals = pools.map(addPool);
  activeInstruments();
  return {
    transaction(info) {
      const tracer = activeTracer();
      const instruments = activeInstruments();
      if (!tracer && !instruments) return silentTransaction;
      return new RecordedTransaction(info, database, tracer, instruments);
    },
    statement(statement, server, run) {
      const tracer = activeTracer();
      const instruments = activeInstruments();
      if (!tracer && !instruments) return run();
      const facts = factsOf(statement);
      const description = database.on(server ?? onlyHost).of(facts, 1);
      return recordStatement({ tracer, instruments }, facts.summary, description, run);
    },
    sessionStarted: (component) => activeInstruments()?.sessions.add(1, { component }),
    workStarted: (component, kind, isTakenOver) => {
      const instruments = activeInstruments();
      instruments?.workStarted.add(1, { component, kind });
      if (isTakenOver) instruments?.workTakenOver.add(1, { component, kind });
    },
    workEnded: (component, kind, result, heldMs) => {
      const instruments = activeInstruments();
      instruments?.workEnded.add(1, { component, kind, result });
      instruments?.workDuration.record(heldMs / 1_000, { component, kind, result });
    },
    close: () => {
      for (const remove of removals) remove();
    },
  };
}

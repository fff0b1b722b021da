import type { RawResult, Statement } from '../query/index.ts';
import { type Observer, type ServerAddress, silentObserver } from './observer.ts';

/** Everything that the core reports. */
export interface Telemetry extends Observer {
  /** A statement outside of a transaction. `server`: where it is known which host answers. */
  statement(
    statement: Statement,
    server: ServerAddress | undefined,
    run: () => Promise<RawResult>,
  ): Promise<RawResult>;
  sessionStarted(component: string): void;
  /** `isTakenOver`: its holder had died. */
  workStarted(component: string, kind: string, isTakenOver: boolean): void;
  workEnded(
    component: string,
    kind: string,
    result: 'finished' | 'failed' | 'canceled' | 'parked',
    heldMs: number,
  ): void;
  /** The database handle is closed: its gauges go away. */
  close(): void;
}

export const silentTelemetry: Telemetry = {
  ...silentObserver,
  statement: (_statement, _server, run) => run(),
  sessionStarted: () => {},
  workStarted: () => {},
  workEnded: () => {},
  close: () => {},
};

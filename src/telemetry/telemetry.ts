import { type Observer, silentObserver } from './observer.ts';

/** Everything that the core reports. */
export interface Telemetry extends Observer {
  sessionStarted(processor: string): void;
  workStarted(processor: string, process: string): void;
  workEnded(processor: string, process: string, result: 'finished' | 'failed' | 'canceled'): void;
}

export const silentTelemetry: Telemetry = {
  ...silentObserver,
  sessionStarted: () => {},
  workStarted: () => {},
  workEnded: () => {},
};

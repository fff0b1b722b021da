/** What users get for their own tests: `holdfast/testing`. */
export {
  type TestDatabase,
  type TestDatabases,
  type TestDatabasesOptions,
  testDatabases,
} from './databases/test-databases.ts';
export { FaultProxy, type FaultProxyOptions, startFaultProxy, type Traffic } from './proxy/fault-proxy.ts';
export {
  cut,
  delay,
  dropReply,
  type Fault,
  type FaultAction,
  type FaultOptions,
  misreport,
  refuse,
  stall,
  trickle,
} from './proxy/faults.ts';
export { injectRetries, type RetryInjection, retriedBody } from './retries.ts';
export { randomFrom } from './schedule/random.ts';
export { interleave, type ScheduleOptions, type Turn } from './schedule/scheduler.ts';
export { FakeClock } from './time/fake-clock.ts';
export type { Direction, WireMessage } from './wire/message.ts';
export {
  ageInstance,
  failAtEveryAction,
  killAtEveryStep,
  runActionsTwice,
  runUntilQuiet,
  type WorkflowTrial,
} from './workflows.ts';

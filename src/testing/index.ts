/** What users get for their own tests: `holdfast/testing`. */
export { FaultProxy, type FaultProxyOptions, startFaultProxy, type Traffic } from './proxy/fault-proxy.ts';
export {
  cut,
  delay,
  dropReply,
  type Fault,
  type FaultAction,
  type FaultOptions,
  refuse,
  stall,
  trickle,
} from './proxy/faults.ts';
export type { Direction, WireMessage } from './wire/message.ts';

export { HEARTBEAT_CONNECTIONS, Heartbeats } from './heartbeats.ts';
export { LiveSession } from './live-session.ts';
export { type SessionOptions, sessionOptionsSchema } from './options.ts';
export { raised, SESSION_EXPIRED, SessionFence } from './session-fence.ts';

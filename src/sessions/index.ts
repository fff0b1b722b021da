export { Heart } from './heart.ts';
export { LiveSession } from './live-session.ts';
export { type SessionOptions, sessionOptionsSchema } from './options.ts';
export { raised, SESSION_EXPIRED, SessionFence } from './session-fence.ts';

/** The demo's pace, in milliseconds. A real fleet takes these times ten. */
export const SETTINGS = {
  sessionIntervalMs: 2_000,
  pollIntervalMs: 500,
  reconcileIntervalMs: 1_000,
  /** A machine is ordered, ... */
  createDelayMs: 500,
  /** ... and boots before its agent comes up. */
  bootDelayMs: 1_200,
  agentHeartbeatMs: 500,
  /** An agent ends by itself when nobody has listened for so long: the last resort against orphans. */
  agentLostAfterMs: 20_000,
  silentMs: 2_500,
  firstHeartbeatMs: 10_000,
  sweepIntervalMs: 2_000,
  graceMs: 3_000,
} as const;

/** Take-over is promised within this time of a holder's death. */
export const TAKE_OVER_BOUND_MS = SETTINGS.sessionIntervalMs + SETTINGS.pollIntervalMs;

/** Between two acts, for the one who watches. */
export const PAUSE_MS = 800;

/** How long the components may take to come up before the demo gives up. */
export const START_LIMIT_MS = 300_000;

/** How long nothing may go on in a stage of the story before it does. */
export const STAGE_LIMIT_MS = 60_000;

export { type Address, parseUrl } from './connection-url.ts';
export type { Driver, DriverConnection, DriverOptions, DriverTls } from './driver.ts';
export { pgDriver } from './drivers/pg.ts';
export { postgresDriver } from './drivers/postgres.ts';
export { type Capabilities, detectEngine, type Engine, engineOf } from './engine.ts';
export { runGuarded, sendGuarded } from './guarded.ts';
export { type ConnectOptions, checkOptions, connectOptionsSchema, withEnvironment } from './options.ts';
export { type AcquireOptions, Pool, type PoolOptions } from './pool.ts';
export { isStalePlan } from './stale-plan.ts';

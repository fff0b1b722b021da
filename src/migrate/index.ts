export { checkSchema } from './check-schema.ts';
export type { MigrationConnection, MigrationPlace, MigrationTarget } from './connection.ts';
export { grant } from './grant.ts';
export { migrate, migrateDown } from './migrate.ts';
export { type Migration, type MigrationSet, readMigrationSet } from './migration-set.ts';
export type { MigrateDownOptions, MigrateOptions, MigrationEvent } from './options.ts';
export { type MigrationState, type MigrationStatus, migrationStatus, type StatusReport } from './status.ts';

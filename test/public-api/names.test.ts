import { expect, test } from 'vitest';
import * as holdfast from '../../src/index.ts';
import * as runtime from '../../src/runtime.ts';

test('the main entry point has these values, and no others', () => {
  expect(Object.keys(holdfast).sort()).toMatchInlineSnapshot(`
    [
      "AmbiguousCommitError",
      "CommittedWithSchemaErrorsError",
      "ConnectError",
      "ConnectionLostError",
      "DatabaseClosedError",
      "DatabaseError",
      "DeadlineExceededError",
      "HoldfastError",
      "LeaseLostError",
      "MigrationError",
      "MisuseError",
      "PoolTimeoutError",
      "RetriesExhaustedError",
      "RolledBackError",
      "RowCountError",
      "SchemaVersionError",
      "SessionExpiredError",
      "activeWork",
      "bucketOf",
      "checkSchema",
      "connect",
      "explain",
      "grantStatements",
      "history",
      "listKinds",
      "listSessions",
      "migrate",
      "migrateDown",
      "migrationStatus",
      "quarantinedWork",
      "rotating",
      "runControlLoop",
      "runJanitor",
      "sql",
      "workHistory",
    ]
  `);
});

test('what only generated code needs is in the runtime entry point alone', () => {
  const both = Object.keys(runtime).filter((name) => name in holdfast);
  expect(both.sort()).toEqual(['RowCountError', 'sql']);
});

import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { afterAll, describe } from 'vitest';
import { s3Store } from '../../src/artifacts/index.ts';
import { storeConformance } from './conformance.ts';
import { temporaryFolder } from './support/files.ts';
import { startS3 } from './support/s3-server.ts';

const folder = await temporaryFolder();
afterAll(() => folder[Symbol.asyncDispose]());
const s3 = await startS3(join(folder.path, 's3'));
afterAll(() => s3[Symbol.asyncDispose]());

describe('a store in S3', () =>
  storeConformance(() =>
    s3Store(`s3://${s3.bucket}/${randomUUID()}?endpoint=${s3.endpoint}`, {
      credentials: s3.credentials,
      downloads: join(folder.path, randomUUID()),
    }),
  ));

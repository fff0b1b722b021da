import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { afterAll, describe } from 'vitest';
import { openStore } from '../../src/artifacts/index.ts';
import { storeConformance } from './conformance.ts';
import { temporaryFolder } from './support/files.ts';

const folder = await temporaryFolder();
afterAll(() => folder[Symbol.asyncDispose]());

describe('a store in a folder', () => storeConformance(() => openStore(join(folder.path, randomUUID()))));

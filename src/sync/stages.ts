import { type Stage, settle, stage } from '../pipeline/index.ts';
import { associate } from './associate.ts';
import type { DeclaredContent } from './declared.ts';
import { downloadArtifacts, saveArtifacts } from './files.ts';
import { queryArtifacts, queryContent } from './known-content.ts';
import type { Run } from './run.ts';
import { saveNew, saveRemotes } from './save-content.ts';

/** Items of a batch: enough that a statement is worth its round trip, and few enough for its arrays. */
const BATCH = { min: 500, max: 1_000, waitMs: 250 };

type Item = DeclaredContent;

/** The names of the stages that a sync has, in their order. */
export const STAGES = [
  'query-existing-artifacts',
  'download-artifacts',
  'save-artifacts',
  'query-existing-content',
  'await-others',
  'save-content',
  'save-remote-artifacts',
  'resolve-futures',
  'associate',
] as const;

/** @internal One statement for each batch; what a batch was is passed on. */
const forBatch = (
  name: string,
  work: (items: readonly Item[]) => Promise<readonly Item[] | undefined>,
): Stage<Item> =>
  stage(
    name,
    async function* (batches) {
      for await (const batch of batches) yield (await work(batch)) ?? batch;
    },
    { batch: BATCH },
  );

/** @internal The stages of a sync, in the order of `STAGES`. */
export const defaultStages = (run: Run): Stage<Item>[] => [
  forBatch('query-existing-artifacts', (items) => queryArtifacts(run, items)),
  downloadArtifacts(run),
  forBatch('save-artifacts', (items) => saveArtifacts(run, items)),
  forBatch('query-existing-content', (items) => queryContent(run, items)),
  awaitOthers,
  forBatch('save-content', (items) => saveNew(run, items)),
  forBatch('save-remote-artifacts', (items) => saveRemotes(run, items)),
  forBatch('resolve-futures', async (items) => {
    for (const item of items) item.settle();
    return items;
  }),
  forBatch('associate', (items) => associate(run, items)),
];

const awaitOthers: Stage<Item> = settle<Item>('await-others', ({ after }) => after);

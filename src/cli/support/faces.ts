import type { Face } from '../../index.ts';

/** Every face that Holdfast has: a new one is a line here. Loaded when a command needs them. */
export async function allFaces(): Promise<Face[]> {
  const [{ operationsFace }, { commandsFace }, { workflowsFace }, { repositoriesFace }] = await Promise.all([
    import('../../operations/index.ts'),
    import('../../commands/index.ts'),
    import('../../workflows/index.ts'),
    import('../../sync/index.ts'),
  ]);
  return [operationsFace, commandsFace(), workflowsFace(), repositoriesFace()];
}

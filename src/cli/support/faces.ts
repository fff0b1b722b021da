import type { Face } from '../../index.ts';

/** Every face that Holdfast has: a new one is a line here. Loaded when a command needs them. */
export async function allFaces(): Promise<Face[]> {
  const { operationsFace } = await import('../../operations/index.ts');
  return [operationsFace];
}

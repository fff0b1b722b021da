import { type Command, Option } from 'commander';
import type { ArtifactStore } from '../../sync/index.ts';
import { UsageError } from './usage-error.ts';

/** Adds `--store` to a command. */
export const addStoreOption = (command: Command): Command =>
  command.addOption(
    new Option('--store <store>', 'where bytes are: a path, file:///path or s3://bucket/prefix').env(
      'HOLDFAST_STORE',
    ),
  );

/** Opens the store that the command line or the environment names, and closes it behind `act`. */
export async function withStore<T>(
  option: string | undefined,
  act: (store: ArtifactStore) => Promise<T>,
): Promise<T> {
  if (option === undefined) throw new UsageError('which store? pass --store, or set HOLDFAST_STORE');
  const { openStore } = await import('../../sync/index.ts');
  const store = await openStore(option);
  try {
    return await act(store);
  } finally {
    await store.close();
  }
}

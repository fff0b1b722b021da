export { type EmbeddedOptions, type EmbeddedServer, startEmbedded } from './start.ts';

import { findBinaries } from './binaries.ts';

/** Release of the package that would be started, `18.4.0-beta.17`. Throws ConnectError where there is none. */
export async function embeddedVersion(): Promise<string> {
  return (await findBinaries()).version;
}

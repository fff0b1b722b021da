import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { ConnectError } from '../../base/index.ts';
import { serverAccount, temporaryRoot } from './account.ts';
import { findBinaries } from './binaries.ts';
import { runnableBinaries } from './binary-cache.ts';
import { initdbOptions, newPassword } from './cluster.ts';
import { startGuard } from './guard.ts';
import { freePlace, portWasTaken } from './port.ts';
import { type Running, whenReady } from './running.ts';
import { serverSettings } from './settings.ts';

/** Starts a server whose data is gone with it: a temporary folder, no fsync. */
export async function startThrowAway(settings: Readonly<Record<string, string>>): Promise<Running> {
  const account = await serverAccount();
  const temporary = await temporaryRoot(account);
  const binaries = await runnableBinaries(await findBinaries(), account, temporary);
  for (let attempt = 1; ; attempt += 1) {
    const name = `holdfast-${randomBytes(8).toString('hex')}`;
    const dir = join(temporary, name);
    const data = join(dir, 'data');
    const password = newPassword();
    const place = await freePlace();
    const guard = startGuard({
      account,
      cwd: temporary,
      scratch: name,
      data: `${name}/data`,
      dataArgument: data,
      log: `${name}/postgres.log`,
      initialise: { program: binaries.initdb, options: [...initdbOptions, '--no-sync'], password },
      serve: { program: binaries.postgres, settings: { ...serverSettings(place, false), ...settings } },
      stop: 'immediate',
    });
    const outcome = await whenReady(guard, data, place.port);
    if (outcome.ready) return { dir, data, ...place, password, stop: () => guard.stop() };
    if (!portWasTaken(outcome.output) || attempt === 10) {
      throw new ConnectError('unavailable', `the embedded PostgreSQL did not start: ${outcome.output}`);
    }
  }
}

import { fileURLToPath } from 'node:url';

/** The folder of the fleet's own migrations, for `migrate` and `checkSchema`. */
export const FLEET_SCHEMA = fileURLToPath(new URL('../schema/fleet', import.meta.url));

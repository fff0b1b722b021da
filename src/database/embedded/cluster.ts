import { randomBytes } from 'node:crypto';

/**
 * The role and the database that the server comes with. Not `holdfast`: the default search path looks into a
 * schema of the user's own name first.
 */
export const embeddedUser = 'postgres';
export const embeddedDatabase = 'postgres';

/** No surprises from the machine's locale: C.UTF-8 orders by code point and knows every letter. */
export const initdbOptions: readonly string[] = [
  `--username=${embeddedUser}`,
  '--encoding=UTF8',
  '--locale-provider=builtin',
  '--builtin-locale=C.UTF-8',
  '--locale=C',
  '--auth=scram-sha-256',
  '--no-instructions',
];

/** Where a data folder keeps the password of its only role; readable to its owner alone. */
export const passwordFileName = 'holdfast.password';

export function newPassword(): string {
  return randomBytes(24).toString('base64url');
}

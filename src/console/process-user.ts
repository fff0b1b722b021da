import { userInfo } from 'node:os';

/** Who the process runs as. In a container its number has no name. */
export function processUser(): string {
  try {
    return userInfo().username;
  } catch {
    return `uid ${process.getuid?.() ?? 'unknown'}`;
  }
}

import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';

/**
 * The command line of a running process, its parts separated by spaces; empty when there is no such process
 * or it is a zombie. Tells a process from another one that got its id later.
 */
export async function commandLineOf(pid: number): Promise<string> {
  if (process.platform === 'linux') {
    const text = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch((error) => {
      // It may end between the opening and the reading.
      if (error.code === 'ENOENT' || error.code === 'ESRCH') return '';
      throw error;
    });
    return text.replaceAll('\0', ' ');
  }
  const { stdout } = await promisify(execFile)('ps', ['-ww', '-o', 'args=', '-p', String(pid)]).catch(
    (error) => {
      // That is how it says that there is no such process.
      if (error.code === 1) return { stdout: '' };
      throw error;
    },
  );
  return stdout.trimEnd();
}

import { readdirSync, readFileSync } from 'node:fs';
import { platform } from 'node:process';

const TICK_US = 10_000;

/**
 * Processor time in microseconds, user and system, of the processes below this one, the ended ones among them included,
 * without those below `except`. Linux only; else 0.
 */
export function processorUsBelow(except: readonly number[] = []): number {
  if (platform !== 'linux') return 0;
  const kinds = new Map<number, { parent: number; ticks: number }>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const text = readFileSync(`/proc/${name}/stat`, 'utf8');
      const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
      const ticks = [11, 12, 13, 14].reduce((sum, at) => sum + Number(fields[at]), 0);
      kinds.set(Number(name), { parent: Number(fields[1]), ticks });
    } catch {
      // It has ended meanwhile.
    }
  }
  const isBelow = (pid: number): boolean => {
    if (except.includes(pid)) return false;
    const parent = kinds.get(pid)?.parent;
    return parent !== undefined && (parent === process.pid || isBelow(parent));
  };
  let ticks = 0;
  for (const [pid, one] of kinds) if (isBelow(pid)) ticks += one.ticks;
  return ticks * TICK_US;
}

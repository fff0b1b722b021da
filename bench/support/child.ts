import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';

/** Starts a script with its options as JSON, and waits until it says that it is up. */
export async function startChild(script: URL, options: object): Promise<ChildProcess> {
  const child = fork(script, [JSON.stringify(options)]);
  const [first] = await Promise.race([once(child, 'message'), once(child, 'exit')]);
  if (first !== 'up') throw new Error(`${script.pathname} ended before it was up`);
  return child;
}

/** Says stop, and waits for the end. */
export async function stopChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) throw new Error(`a process ended by itself, with ${child.exitCode}`);
  const exit = once(child, 'exit');
  child.send('stop');
  const late = setTimeout(() => child.kill('SIGKILL'), 20_000);
  await exit;
  clearTimeout(late);
}

/** What a child answers. */
export async function ask<T>(child: ChildProcess, question: string | object): Promise<T> {
  const answer = once(child, 'message');
  child.send(question);
  return (await answer)[0] as T;
}
